// SPDX-License-Identifier: MIT
// Registration of buffers with NCCL, on emulated GPUs: all ranks have it or none.
#include "trainer/comm/nccl_registration.hpp"

#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "trainer/comm/nccl_collectives.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace isoflop {
namespace {

using testing::HasSubstr;

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr Layout kGrid = {.n_replica = 2, .n_shard = 2};

/// A buffer of a rank that both its groups use.
struct Rank {
  CudaDevice& device;
  Collectives& collectives;
  Buffer buffer;
  std::unique_ptr<RegisteredBuffers> registered;

  /// Whether a sum over each group of the grid comes out, and what the trace has of the sums.
  std::vector<std::string> sum_over_groups(int rank) {
    const TensorView tensor = buffer.view(DType::f32, {256});
    const Stream compute = device.compute_stream();
    device.zero(tensor.data, tensor.bytes(), compute);
    emulation::take_trace(rank);
    for (const Group group : {Group::shard, Group::replica})
      collectives.all_reduce(tensor, tensor, ReduceOp::sum, group, device.communication_stream(),
                             device.record(compute));
    device.synchronize(device.record(device.communication_stream()));
    std::vector<std::string> sums;
    for (const std::string& line : emulation::take_trace(rank))
      if (line.find("ncclAllReduce") != std::string::npos) sums.push_back(line);
    return sums;
  }
};

struct Outcome {
  std::string log;
  std::vector<std::vector<std::string>> sums;  ///< by rank
  std::vector<bool> is_registered;
  std::vector<int64_t> allocated;  ///< bytes, by rank
};

/// Every rank of the grid registers a buffer of 1 KiB, uses it and gives it back.
Outcome run(NcclRegistration registration, const emulation::Faults& faults = {},
            int nccl_version = 0) {
  const int n_rank = static_cast<int>(kGrid.world_size());
  Outcome outcome{.log = {},
                  .sums = std::vector<std::vector<std::string>>(4),
                  .is_registered = std::vector<bool>(4),
                  .allocated = std::vector<int64_t>(4)};
  emulation::EmulatedLauncher launcher(n_rank);
  emulation::set_faults(faults);
  testing::internal::CaptureStderr();
  emulation::run_ranks({.n_rank = n_rank, .nccl_version = nccl_version}, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    CudaDevice device(rank, registration);
    const auto collectives = launch->make_collectives(device, kGrid);
    Rank own{device, *collectives, device.allocate_for_collectives(1024, MemoryCategory::gradients),
             nullptr};
    outcome.allocated[index] = device.memory_usage().allocated;
    own.registered = collectives->register_buffers(
        std::vector<SharedBuffer>{{&own.buffer, Group::shard}, {&own.buffer, Group::replica}});
    outcome.is_registered[index] = own.registered != nullptr;
    outcome.sums[index] = own.sum_over_groups(rank);
    own.registered.reset();
  });
  outcome.log = testing::internal::GetCapturedStderr();
  return outcome;
}

void expect_on_all_ranks(const Outcome& outcome, bool is_registered) {
  for (std::size_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(outcome.is_registered[rank], is_registered) << rank;
    EXPECT_THAT(outcome.sums[rank], testing::Not(testing::IsEmpty()));
    EXPECT_THAT(outcome.sums[rank],
                testing::Each(HasSubstr(is_registered ? ", registered" : ", not registered")));
  }
}

TEST(NcclRegistrationOfBuffers, covers_every_group_that_uses_them) {
  for (const NcclRegistration kind : {NcclRegistration::local, NcclRegistration::symmetric}) {
    const Outcome outcome = run(kind);
    expect_on_all_ranks(outcome, true);
    EXPECT_THAT(outcome.allocated, testing::Each(2 * kMiB));
    EXPECT_EQ(outcome.log, "");
  }
}

TEST(NcclRegistrationOfBuffers, off_takes_memory_of_the_pool) {
  const Outcome outcome = run(NcclRegistration::off);
  expect_on_all_ranks(outcome, false);
  EXPECT_THAT(outcome.allocated, testing::Each(1024));
  EXPECT_EQ(outcome.log, "");
}

TEST(NcclRegistrationOfBuffers, no_rank_has_it_where_one_gets_no_memory) {
  for (const NcclRegistration kind : {NcclRegistration::local, NcclRegistration::symmetric}) {
    const Outcome outcome = run(kind, {.refuse_nccl_memory_of = 2});
    expect_on_all_ranks(outcome, false);
    EXPECT_EQ(outcome.allocated[2], 1024);
    EXPECT_THAT(outcome.log, HasSubstr("not registered with NCCL: ncclMemAlloc failed on rank 2"));
  }
}

TEST(NcclRegistrationOfBuffers, no_rank_has_it_where_one_is_refused) {
  for (const NcclRegistration kind : {NcclRegistration::local, NcclRegistration::symmetric}) {
    const Outcome outcome = run(kind, {.refuse_nccl_registration_of = 3});
    expect_on_all_ranks(outcome, false);
    EXPECT_THAT(outcome.log, HasSubstr("not registered with NCCL: refused on rank "));
  }
}

TEST(NcclRegistrationOfBuffers, an_older_library_registers_locally) {
  const Outcome outcome = run(NcclRegistration::symmetric, {}, NCCL_VERSION(2, 26, 5));
  expect_on_all_ranks(outcome, true);
  EXPECT_THAT(outcome.log, HasSubstr("NCCL 2.26.5 has no symmetric windows"));
}

TEST(NcclRegistrationOfBuffers, one_rank_alone_has_none) {
  emulation::EmulatedLauncher launcher(1);
  emulation::run_ranks({}, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    CudaDevice device(rank, NcclRegistration::local);
    const auto collectives = launch->make_collectives(device, {});
    const Buffer buffer = device.allocate_for_collectives(1024, MemoryCategory::gradients);
    EXPECT_FALSE(device.is_collective_memory(buffer));
    EXPECT_EQ(collectives->register_buffers(std::vector<SharedBuffer>{{&buffer, Group::world}}),
              nullptr);
  });
}

}  // namespace
}  // namespace isoflop
