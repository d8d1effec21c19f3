// SPDX-License-Identifier: MIT
#include "trainer/comm/mpi_collectives.hpp"

#include "support/error_matchers.hpp"
#include "trainer/comm/collectives_contract.hpp"
#include "trainer/comm/communication_error.hpp"

#include <chrono>
#include <thread>

namespace isoflop {
namespace {

int world_size() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

std::string who() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return "rank " + std::to_string(rank) + " on test";
}

Layout one_shard_group() { return {.n_shard = world_size()}; }

std::vector<Layout> grids() {
  if (world_size() == 1) return {one_shard_group()};
  if (world_size() == 4) return {one_shard_group(), {.n_replica = 2, .n_shard = 2}};
  return {one_shard_group(), {.n_replica = world_size()}};
}

std::unique_ptr<Collectives> make_mpi(CpuDevice& device, const Layout& layout) {
  return std::make_unique<MpiCollectives>(device, MPI_COMM_WORLD, layout, who());
}

/// As if counts were limited to 37 elements instead of 2^31 - 1.
std::unique_ptr<Collectives> make_split_mpi(CpuDevice& device, const Layout& layout) {
  return std::make_unique<MpiCollectives>(device, MPI_COMM_WORLD, layout, who(), 37);
}

// GoogleTest evaluates the grids after mpi_main.cpp has initialised MPI.
INSTANTIATE_TEST_SUITE_P(Mpi, CollectivesContract,
                         make_cases({"inline", kContractDTypes, grids(), 128,
                                     on_cpu(CpuStreamMode::run_inline, make_mpi)}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(LargeMpi, CollectivesContract,
                         make_cases({"large_deferred",
                                     {DType::f32, DType::f64},
                                     grids(),
                                     100'003,
                                     on_cpu(CpuStreamMode::deferred, make_mpi)}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(SplitMpi, CollectivesContract,
                         make_cases({"split_deferred",
                                     {DType::f32},
                                     grids(),
                                     100,
                                     on_cpu(CpuStreamMode::deferred, make_split_mpi)}),
                         case_name);

TEST(MpiCollectives, gathers_two_byte_types_and_refuses_to_reduce_them) {
  CpuDevice device({});
  MpiCollectives collectives(device, MPI_COMM_WORLD, one_shard_group(), who());
  const int n_rank = collectives.size(Group::world);
  const Buffer buffer = device.allocate(2 * n_rank, MemoryCategory::workspace);
  const TensorView out = buffer.view(DType::bf16, {n_rank});
  const TensorView in = out.flat_slice(collectives.rank(Group::world), {1});
  *static_cast<uint16_t*>(in.data) = static_cast<uint16_t>(0x3f80 + collectives.rank(Group::world));

  const Stream stream = device.communication_stream();
  device.synchronize(collectives.all_gather(out, in, Group::world, stream, {}));

  for (int rank = 0; rank < n_rank; ++rank)
    EXPECT_EQ(static_cast<uint16_t*>(out.data)[rank], 0x3f80 + rank);
  const std::string message = test::message_of<ConfigError>(
      [&] { collectives.all_reduce(out, out, ReduceOp::sum, Group::world, stream, {}); });
  EXPECT_THAT(message, testing::HasSubstr("reduction of 'bf16'"));
}

TEST(MpiCollectives, counts_the_seconds_inside_calls_of_each_step) {
  CpuDevice device({});
  MpiCollectives collectives(device, MPI_COMM_WORLD, one_shard_group(), who());
  const Buffer buffer = device.allocate(4096, MemoryCategory::workspace);
  const TensorView tensor = buffer.view(DType::f32, {1024});

  const auto broadcast = [&] {
    device.synchronize(
        collectives.broadcast(tensor, 0, Group::world, device.communication_stream(), {}));
  };

  collectives.begin_step(1);
  broadcast();
  collectives.end_step(1);
  broadcast();
  collectives.begin_step(2);
  collectives.end_step(2);

  EXPECT_GT(collectives.exposed_seconds(1), 0);
  EXPECT_EQ(collectives.exposed_seconds(2), 0);
}

// Ranks disagree on the size of a broadcast; MPI sees it on the one that receives. With two ranks
// only: further ones would wait for what the failed one does not pass on.
TEST(MpiCollectives, failure_names_rank_host_and_operation) {
  if (world_size() != 2) return;
  CpuDevice device({});
  MpiCollectives collectives(device, MPI_COMM_WORLD, one_shard_group(), who());
  const int rank = collectives.rank(Group::world);
  const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
  const TensorView tensor = buffer.view(DType::i32, {rank == 0 ? 16 : 8});
  const Event done =
      collectives.broadcast(tensor, 0, Group::world, device.communication_stream(), {});
  if (rank == 0) {
    device.synchronize(done);
    EXPECT_NO_THROW(collectives.poll());
    return;
  }
  const std::string message =
      test::message_of<CommunicationError>([&] { device.synchronize(done); });
  EXPECT_THAT(message, testing::StartsWith(who() + ": MPI_Bcast of 8 i32 failed (MPI_ERR_TRUNC"));
  EXPECT_THROW(collectives.poll(), CommunicationError);
}

// Likewise of a message; its sender has done its part.
TEST(MpiCollectives, failure_of_a_message_names_rank_host_and_reason) {
  if (world_size() != 2) return;
  CpuDevice device({});
  MpiCollectives collectives(device, MPI_COMM_WORLD, one_shard_group(), who());
  const int rank = collectives.rank(Group::world);
  const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
  const Message message{1 - rank, buffer.view(DType::i32, {rank == 0 ? 16 : 8})};
  const auto one = std::span(&message, 1), none = one.first(0);
  // The receiver waits already: Open MPI 4.1's MPI_Waitall never returns when the message that is
  // too long was there before.
  if (rank == 0) std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const Event done = collectives.exchange(rank == 0 ? one : none, rank == 0 ? none : one,
                                          Group::world, device.communication_stream(), {});
  if (rank == 0) {
    device.synchronize(done);
    EXPECT_NO_THROW(collectives.poll());
    return;
  }
  const std::string text = test::message_of<CommunicationError>([&] { device.synchronize(done); });
  EXPECT_THAT(text,
              testing::StartsWith(who() + ": MPI_Waitall of 1 transfers failed (MPI_ERR_TRUNC"));
}

}  // namespace
}  // namespace isoflop
