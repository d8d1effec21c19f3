// SPDX-License-Identifier: MIT
// NCCL's collectives on emulated GPUs.
#include "trainer/comm/nccl_collectives.hpp"

#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "support/error_matchers.hpp"
#include "trainer/backend/device_memory_error.hpp"
#include "trainer/comm/collectives_contract.hpp"
#include "trainer/comm/communication_error.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"
#include "trainer/comm/nccl_communicator.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace isoflop {
namespace {

using emulation::Eagerness;

/// Every rank of the layout on a GPU of its own.
auto on_gpus(Eagerness eagerness) {
  return [eagerness](const Layout& layout, const ContractCase::Body& body) {
    const int n_rank = static_cast<int>(layout.world_size());
    emulation::EmulatedLauncher launcher(n_rank);
    emulation::run_ranks({.n_rank = n_rank, .eagerness = eagerness, .seed = 5}, [&](int rank) {
      const std::unique_ptr<Launch> launch = launcher.launch(rank);
      CudaDevice device(rank);
      const auto collectives = launch->make_collectives(device, layout);
      body(device, *collectives);
    });
  };
}

const std::vector<DType> kDTypes = {DType::f32, DType::f64, DType::bf16,
                                    DType::f16, DType::i32, DType::i64};
const std::vector<Layout> kGrids = {
    {}, {.n_shard = 2}, {.n_replica = 3}, {.n_replica = 2, .n_shard = 2}, {.n_shard = 4}};

INSTANTIATE_TEST_SUITE_P(LazyNccl, CollectivesContract,
                         make_cases({"lazy", kDTypes, kGrids, 128, on_gpus(Eagerness::lazy)}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(
    RandomNccl, CollectivesContract,
    make_cases({"random", {DType::f32}, kGrids, 5000, on_gpus(Eagerness::random)}), case_name);

TEST(NcclCollectives, a_layout_of_another_size_is_refused) {
  emulation::EmulatedLauncher launcher(1);
  emulation::run_ranks({}, [&](int rank) {
    CudaDevice device(rank);
    const std::string message = test::message_of<ConfigError>(
        [&] { launcher.launch(rank)->make_collectives(device, {.n_replica = 2}); });
    EXPECT_THAT(message, testing::HasSubstr("needs '2' ranks (the job has 1)"));
  });
}

// A window's stalls are those of the compute stream behind the communication stream.
TEST(NcclCollectives, words_of_lacking_memory_are_told_from_those_of_a_failed_link) {
  emulation::run_ranks({}, [](int) {
    const auto check = [](const char* words) {
      check_nccl(ncclUnhandledCudaError, nullptr, "rank 0 on here", words);
    };
    EXPECT_THROW(check("ncclAllGather, Cuda failure 2 'out of memory',"), LibraryMemoryError);
    EXPECT_THROW(check("ncclAllGather"), CommunicationError);
  });
}

TEST(NcclCollectives, seconds_are_counted_while_compute_waits_for_communication) {
  emulation::EmulatedLauncher launcher(2);
  emulation::run_ranks({.n_rank = 2}, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    CudaDevice device(rank);
    const auto collectives = launch->make_collectives(device, {.n_shard = 2});
    const Buffer buffer = device.allocate(1 << 16, MemoryCategory::workspace);
    const TensorView tensor = buffer.view(DType::f32, {1 << 14});
    const Stream compute = device.compute_stream();
    device.zero(tensor.data, tensor.bytes(), compute);

    collectives->begin_step(1);
    device.wait(compute,
                collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                        device.communication_stream(), device.record(compute)));
    collectives->end_step(1);
    collectives->begin_step(2);
    collectives->end_step(2);
    device.synchronize(device.record(compute));
    EXPECT_GT(collectives->exposed_seconds(1), 0);
    EXPECT_EQ(collectives->exposed_seconds(2), 0);
    collectives->poll();
  });
}

// A GPU that does nothing before the host waits: what its watchdog would see of a step that hangs.
TEST(NcclCollectives, a_watchdog_sees_without_waiting_whether_the_gpu_computes_or_waits) {
  emulation::EmulatedLauncher launcher(2);
  emulation::run_ranks({.n_rank = 2, .eagerness = Eagerness::lazy}, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    CudaDevice device(rank);
    const auto collectives = launch->make_collectives(device, {.n_shard = 2});
    const Buffer buffer = device.allocate(1 << 16, MemoryCategory::workspace);
    const TensorView tensor = buffer.view(DType::f32, {1 << 14});
    const Stream compute = device.compute_stream();
    const auto ask = [&] {
      PeerWaits answer;
      std::thread([&] { answer = collectives->peer_waits(); }).join();
      return answer;
    };
    EXPECT_EQ(ask(), PeerWaits{});
    for (int64_t step = 1; step <= 4; ++step) {
      const bool computes = step % 2 == 1;
      const PeerWaits before = ask();
      collectives->begin_step(step);
      if (computes) device.zero(tensor.data, tensor.bytes(), compute);
      device.wait(compute,
                  collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                          device.communication_stream(), device.record(compute)));
      collectives->end_step(step);
      EXPECT_EQ(ask().waits(), !computes);
      device.synchronize(device.record(compute));
      EXPECT_FALSE(ask().waits());
      EXPECT_GT(ask().begun, before.begun);
    }
  });
}

// ncclCommAbort may hang, and makes other ranks fail first, with a code of their own.
TEST(NcclCollectives, an_abort_is_the_launchers_and_leaves_the_communicators_alone) {
  emulation::EmulatedLauncher launcher(2);
  EXPECT_THAT(
      [&] {
        emulation::run_ranks({.n_rank = 2}, [&](int rank) {
          const std::unique_ptr<Launch> launch = launcher.launch(rank);
          CudaDevice device(rank);
          const auto collectives = launch->make_collectives(device, {.n_shard = 2});
          if (rank == 0) collectives->abort(9);
          EXPECT_EQ(collectives->failure(), std::nullopt);
        });
      },
      testing::ThrowsMessage<std::runtime_error>(
          "the emulation found:\n  rank 0 ended the job with exit code 9"));
}

TEST(NcclCollectives, a_failed_link_is_told_to_another_thread_while_work_on_it_never_ends) {
  emulation::EmulatedLauncher launcher(4);
  std::optional<std::string> before, after;
  const auto train = [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    CudaDevice device(rank);
    const auto collectives = launch->make_collectives(device, {.n_replica = 2, .n_shard = 2});
    const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
    const TensorView tensor = buffer.view(DType::f32, {16});
    device.zero(tensor.data, tensor.bytes(), device.compute_stream());
    const auto ask = [&] {
      std::optional<std::string> answer;
      std::thread([&] { answer = collectives->failure(); }).join();
      return answer;
    };
    if (rank == 0) before = ask();
    const Event sum = collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::replica,
                                              device.communication_stream(),
                                              device.record(device.compute_stream()));
    if (rank == 0) {
      after = ask();
      EXPECT_THROW(collectives->poll(), CommunicationError);
    }
    device.synchronize(sum);
  };
  emulation::set_faults({.cut_nccl_link = 0});
  EXPECT_THROW(emulation::run_ranks({.n_rank = 4}, train), std::runtime_error);
  emulation::take_findings();
  EXPECT_FALSE(before);
  EXPECT_EQ(after,
            "rank 0 on emulated: a collective under way failed: remote process exited or there was "
            "a network error; the link is cut; NCCL_DEBUG=INFO in the job's environment shows "
            "more");
}

}  // namespace
}  // namespace isoflop
