// SPDX-License-Identifier: MIT
#include "emulation/test_gpu.hpp"

#include <nccl.h>

namespace isoflop::emulation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Options kShapesOnly{.memory_bytes = int64_t{80} << 30, .execution = Execution::shapes_only};
constexpr std::size_t kLarge = std::size_t{40} << 30;

TEST(ShapesOnly, memory_beyond_the_machines_is_filled_without_being_touched) {
  EXPECT_EQ(run_and_find(kShapesOnly,
                         [](TestGpu& gpu, int) {
                           auto* const memory = gpu.allocate<char>(kLarge);
                           cudaMemsetAsync(memory, 0, kLarge, gpu.stream());
                           const auto timeline = take_timeline(0);
                           ASSERT_EQ(timeline.size(), 2U);
                           EXPECT_EQ(timeline[1].work.kind, WorkKind::set);
                           EXPECT_EQ(timeline[1].work.written_bytes, kLarge);
                         }),
            "");
}

TEST(ShapesOnly, the_gpu_has_no_more_than_its_memory) {
  run_and_find(kShapesOnly, [](TestGpu& gpu, int) {
    gpu.allocate<char>(kLarge);
    size_t available = 0, total = 0;
    cudaMemGetInfo(&available, &total);
    EXPECT_EQ(available, kLarge);
  });
}

TEST(ShapesOnly, operations_know_what_events_put_before_them) {
  run_and_find(kShapesOnly, [](TestGpu& gpu, int) {
    auto* const memory = gpu.allocate<char>(256);
    cudaStream_t other = nullptr;
    cudaStreamCreateWithPriority(&other, cudaStreamNonBlocking, 0);
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    cudaMemsetAsync(memory, 0, 128, gpu.stream());
    cudaEventRecord(event, gpu.stream());
    cudaMemsetAsync(memory, 1, 128, gpu.stream());
    cudaStreamWaitEvent(other, event, 0);
    take_timeline(0);
    cudaMemsetAsync(memory, 2, 128, other);
    const auto timeline = take_timeline(0);
    // behind the allocation and the first of the two in the other stream
    EXPECT_THAT(timeline.at(0).after, ElementsAre(2, 1, 0, 0, 0, 0, 0, 0));
    EXPECT_EQ(timeline.at(0).host_calls, 6);
    cudaStreamSynchronize(other);
    cudaEventDestroy(event);
    cudaStreamDestroy(other);
  });
}

TEST(ShapesOnly, collectives_of_a_rank_need_no_peers) {
  EXPECT_EQ(run_and_find(
                kShapesOnly,
                [](TestGpu& gpu, int) {
                  ncclUniqueId id{};
                  ncclGetUniqueId(&id);
                  ncclComm_t comm = nullptr;
                  ASSERT_EQ(ncclCommInitRank(&comm, 8, id, 0), ncclSuccess);
                  auto* const memory = gpu.allocate<float>(8000);
                  take_timeline(0);
                  ncclAllGather(memory, memory, 1000, ncclFloat32, comm, gpu.stream());
                  ncclReduceScatter(memory, memory, 1000, ncclFloat32, ncclSum, comm, gpu.stream());
                  ncclAllReduce(memory, memory, 8000, ncclFloat32, ncclSum, comm, gpu.stream());
                  cudaStreamSynchronize(gpu.stream());
                  const auto timeline = take_timeline(0);
                  ASSERT_EQ(timeline.size(), 3U);
                  EXPECT_EQ(timeline[0].work.n_block, 32);
                  EXPECT_EQ(timeline[0].work.link_bytes, 28000);
                  EXPECT_EQ(timeline[1].work.link_bytes, 28000);
                  EXPECT_EQ(timeline[2].work.link_bytes, 56000);
                  ncclCommDestroy(comm);
                }),
            "");
}

// Ranks 0, 2, 4 and 6 of eight, on nodes of four; then all of a node.
TEST(ShapesOnly, communicators_are_split_as_stated) {
  Options options = kShapesOnly;
  options.nccl_splits = {{0, 2, 4, 6}, {0, 1, 2, 3}};
  options.nccl_ranks_per_node = 4;
  EXPECT_THAT(
      run_and_find(options,
                   [](TestGpu& gpu, int) {
                     ncclUniqueId id{};
                     ncclGetUniqueId(&id);
                     ncclComm_t world = nullptr, across = nullptr, within = nullptr;
                     ncclCommInitRank(&world, 8, id, 0);
                     ASSERT_EQ(ncclCommSplit(world, 0, 0, &across, nullptr), ncclSuccess);
                     ASSERT_EQ(ncclCommSplit(world, 0, 0, &within, nullptr), ncclSuccess);
                     int size = 0;
                     ncclCommCount(across, &size);
                     EXPECT_EQ(size, 4);
                     float* const data = gpu.allocate<float>(8);
                     take_timeline(0);
                     for (const ncclComm_t comm : {world, across, within})
                       ncclAllReduce(data, data, 8, ncclFloat32, ncclSum, comm, gpu.stream());
                     const auto timeline = take_timeline(0);
                     EXPECT_TRUE(timeline.at(0).work.crosses_nodes);
                     EXPECT_TRUE(timeline.at(1).work.crosses_nodes);
                     EXPECT_FALSE(timeline.at(2).work.crosses_nodes);
                     EXPECT_EQ(timeline.at(1).work.link_bytes, 2 * 32 * 3 / 4);
                     EXPECT_EQ(ncclCommSplit(world, 0, 0, &across, nullptr), ncclInvalidUsage);
                   }),
      HasSubstr("does not know the others' groups: Options::nccl_splits has none for this call"));
}

}  // namespace
}  // namespace isoflop::emulation
