// SPDX-License-Identifier: MIT
#include "trainer/comm/socket_collectives.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "trainer/comm/collectives_contract.hpp"
#include "trainer/comm/forked_ranks.hpp"
#include "trainer/comm/socket_launch.hpp"

#include <numeric>

namespace isoflop {
namespace {

using OnRank = std::function<void(Launch& launch)>;

/// A job of one rank has sockets too, where this is what is tested.
std::unique_ptr<Launch> meet(const std::filesystem::path& folder, int rank, int n_rank) {
  if (n_rank == 1)
    return std::make_unique<SocketLaunch>(
        await_ranks(listen_at("127.0.0.1", 0), "test", {0, 1, "n"}));
  return make_socket_launch({BootstrapKind::file, folder}, test::environment_of_rank(rank, n_rank));
}

void on_ranks(int n_rank, const OnRank& body) {
  const test::TempDir folder;
  const std::vector<int> codes = test::run_forked_ranks(n_rank, [&](int rank) {
    body(*meet(folder.path(), rank, n_rank));
    return 0;
  });
  EXPECT_EQ(codes, std::vector<int>(static_cast<std::size_t>(n_rank), 0));
}

auto on_sockets(CpuStreamMode mode) {
  return [mode](const Layout& layout, const ContractCase::Body& body) {
    on_ranks(static_cast<int>(layout.world_size()), [&](Launch& launch) {
      CpuDevice device({.n_threads = 1, .mode = mode, .schedule_seed = 7});
      body(device, *launch.make_collectives(device, layout));
    });
  };
}

const std::vector<Layout> kGrids = {{.n_shard = 1}, {.n_shard = 2}, {.n_replica = 2},
                                    {.n_shard = 3}, {.n_shard = 4}, {.n_replica = 2, .n_shard = 2}};

INSTANTIATE_TEST_SUITE_P(
    Grids, CollectivesContract,
    make_cases({"inline", {DType::f32}, kGrids, 129, on_sockets(CpuStreamMode::run_inline)}),
    case_name);
INSTANTIATE_TEST_SUITE_P(Types, CollectivesContract,
                         make_cases({"deferred",
                                     kContractDTypes,
                                     {{.n_replica = 2, .n_shard = 2}},
                                     50,
                                     on_sockets(CpuStreamMode::deferred)}),
                         case_name);
// Several segments.
INSTANTIATE_TEST_SUITE_P(
    Large, CollectivesContract,
    make_cases(
        {"large", {DType::f64}, {{.n_shard = 3}}, 80'003, on_sockets(CpuStreamMode::deferred)}),
    case_name);

// All send before any receives, unless they do both at a time.
TEST(SocketCollectives, more_than_socket_buffers_hold_does_not_block) {
  on_ranks(3, [](Launch& launch) {
    constexpr int64_t kElements = 12'000'001;
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_replica = 3});
    const Buffer buffer = device.allocate(4 * kElements, MemoryCategory::workspace);
    const TensorView tensor = buffer.view(DType::f32, {kElements});
    auto* const values = static_cast<float*>(tensor.data);
    std::fill(values, values + kElements, static_cast<float>(launch.info().rank + 1));
    device.synchronize(collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                               device.communication_stream(), {}));
    EXPECT_EQ(std::count(values, values + kElements, 6.0F), kElements);
  });
}

TEST(SocketCollectives, fewer_elements_than_ranks_are_reduced) {
  on_ranks(4, [](Launch& launch) {
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_replica = 4});
    const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
    for (const int64_t n : {1, 2, 3, 5}) {
      const TensorView tensor = buffer.view(DType::f64, {n});
      for (int64_t i = 0; i < n; ++i) static_cast<double*>(tensor.data)[i] = launch.info().rank;
      device.synchronize(collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                                 device.communication_stream(), {}));
      for (int64_t i = 0; i < n; ++i) EXPECT_EQ(static_cast<double*>(tensor.data)[i], 6);
    }
  });
}

// The order of summation, worked out by hand for three ranks: the part of rank r is
// (x[r+1] + x[r+2]) + x[r]. 1e8 + 3 is not a float, and 1e8 + 8 is.
TEST(SocketCollectives, sums_are_formed_in_ring_order) {
  on_ranks(3, [](Launch& launch) {
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_replica = 3});
    const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
    const TensorView tensor = buffer.view(DType::f32, {3});
    const float mine[] = {1e8F, 3.0F, 3.0F};
    auto* const values = static_cast<float*>(tensor.data);
    std::fill(values, values + 3, mine[launch.info().rank]);
    device.synchronize(collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                               device.communication_stream(), {}));
    EXPECT_EQ(values[0], 1e8F + 8);  // (3 + 3) + 1e8
    EXPECT_EQ(values[1], 1e8F);      // (3 + 1e8) + 3
    EXPECT_EQ(values[2], 1e8F);      // (1e8 + 3) + 3
  });
}

TEST(SocketCollectives, two_byte_types_are_gathered_and_not_reduced) {
  on_ranks(2, [](Launch& launch) {
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_shard = 2});
    const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
    const TensorView out = buffer.view(DType::bf16, {2});
    const TensorView in = out.flat_slice(launch.info().rank, {1});
    *static_cast<uint16_t*>(in.data) = static_cast<uint16_t>(0x3f80 + launch.info().rank);
    const Stream stream = device.communication_stream();
    device.synchronize(collectives->all_gather(out, in, Group::world, stream, {}));
    EXPECT_EQ(static_cast<uint16_t*>(out.data)[0], 0x3f80);
    EXPECT_EQ(static_cast<uint16_t*>(out.data)[1], 0x3f81);
    const std::string message = test::message_of<ConfigError>(
        [&] { collectives->all_reduce(out, out, ReduceOp::sum, Group::world, stream, {}); });
    EXPECT_THAT(message, testing::HasSubstr("reduction of 'bf16'"));
  });
}

TEST(SocketCollectives, seconds_inside_calls_count_for_their_step) {
  on_ranks(2, [](Launch& launch) {
    CpuDevice device({});
    const auto collectives = launch.make_collectives(device, {.n_shard = 2});
    const Buffer buffer = device.allocate(64, MemoryCategory::workspace);
    const auto broadcast = [&] {
      device.synchronize(collectives->broadcast(buffer.view(DType::f32, {4}), 0, Group::world,
                                                device.communication_stream(), {}));
    };
    collectives->begin_step(1);
    broadcast();
    collectives->end_step(1);
    broadcast();
    collectives->begin_step(2);
    collectives->end_step(2);
    EXPECT_GT(collectives->exposed_seconds(1), 0);
    EXPECT_EQ(collectives->exposed_seconds(2), 0);
  });
}

}  // namespace
}  // namespace isoflop
