// SPDX-License-Identifier: MIT
#include "emulation/kernel_test.hpp"
#include "trainer/backend/cuda/launch.cuh"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

namespace isoflop::emulation {
namespace {

using testing::HasSubstr;

constexpr uint32_t kAll = 0xffffffffU;

Options in_order(LaneOrder order) {
  Options options;
  options.lane_order = order;
  return options;
}

__global__ void write_own_index(int64_t* out) {
  const int64_t block = int64_t{blockIdx.y} * gridDim.x + blockIdx.x;
  const int64_t i = block * blockDim.x + threadIdx.x;
  out[i] = i;
}

TEST(KernelGrid, every_thread_of_every_block_runs_once) {
  const std::string findings = findings_of([](TestGpu& gpu) {
    int64_t* out = gpu.upload(std::vector<int64_t>(3 * 2 * 33, -1));
    gpu::launch(gpu.stream(),
                {.name = "write_own_index", .blocks = 3, .threads = 33, .blocks_y = 2},
                write_own_index, out);
    const std::vector<int64_t> values = gpu.download(out, 3 * 2 * 33);
    for (int64_t i = 0; i < 3 * 2 * 33; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
  });
  EXPECT_EQ(findings, "");
}

/// Each block adds up a row of `width` values: lanes by shuffle, warps by shared memory.
__global__ void __launch_bounds__(128) block_sum(float* out, const float* in, int width) {
  float* const shared = gpu::dynamic_shared<float>();
  float sum = 0.0F;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x))
    sum += in[static_cast<int>(blockIdx.x) * width + i];
  for (int lanes = warpSize / 2; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(kAll, sum, lanes);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = sum;
  __syncthreads();
  float total = 0.0F;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) total += shared[warp];
  if (threadIdx.x == blockDim.x - 1) out[blockIdx.x] = total;
}

constexpr gpu::LaunchShape kBlockSum{
    .name = "block_sum", .blocks = 5, .threads = 128, .shared_bytes = 4 * sizeof(float)};

std::vector<float> rows_of_ones(std::size_t n) { return std::vector<float>(n, 1.0F); }

class KernelGridOrder : public testing::TestWithParam<LaneOrder> {};
INSTANTIATE_TEST_SUITE_P(BothOrders, KernelGridOrder,
                         testing::Values(LaneOrder::forward, LaneOrder::reverse));

TEST_P(KernelGridOrder, sums_of_blocks_do_not_depend_on_it) {
  const std::string findings = findings_of(in_order(GetParam()), [](TestGpu& gpu) {
    const float* in = gpu.upload(rows_of_ones(5 * 1000));
    float* out = gpu.upload(std::vector<float>(5));
    gpu::launch(gpu.stream(), kBlockSum, block_sum, out, in, 1000);
    EXPECT_EQ(gpu.download(out, 5), std::vector<float>(5, 1000.0F));
  });
  EXPECT_EQ(findings, "");
}

TEST_P(KernelGridOrder, a_dropped_barrier_is_found) {
  Faults faults;
  faults.drop_barrier_of = "block_sum";
  set_faults(faults);
  const std::string findings = findings_of(in_order(GetParam()), [](TestGpu& gpu) {
    const float* in = gpu.upload(rows_of_ones(5 * 1000));
    float* out = gpu.upload(std::vector<float>(5));
    gpu::launch(gpu.stream(), kBlockSum, block_sum, out, in, 1000);
  });
  set_faults({});
  EXPECT_THAT(findings, HasSubstr("kernel block_sum: threads "));
  EXPECT_THAT(findings, HasSubstr("race on shared memory + "));
}

__global__ void write_thread(int* last) { *last = static_cast<int>(threadIdx.x); }

TEST_P(KernelGridOrder, is_the_order_of_turns) {
  findings_of(in_order(GetParam()), [](TestGpu& gpu) {
    int* last = gpu.upload(std::vector<int>{-1});
    gpu::launch(gpu.stream(), {.name = "write_thread", .threads = 40}, write_thread, last);
    EXPECT_EQ(gpu.download(last, 1)[0], GetParam() == LaneOrder::forward ? 39 : 0);
  });
}

__global__ void shuffle_lanes(int* out, double* out_of_pairs) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(kAll, lane, 5);
  out[32 + lane] = __shfl_sync(kAll, lane, 1, 8);
  out[64 + lane] = __shfl_down_sync(kAll, lane, 3);
  out[96 + lane] = __shfl_down_sync(kAll, lane, 3, 16);
  out[128 + lane] = __shfl_xor_sync(kAll, lane, 9);
  out_of_pairs[lane] = __shfl_xor_sync(kAll, 0.5 + lane, 1);
}

TEST_P(KernelGridOrder, shuffles_as_the_programming_guide_says) {
  const std::string findings = findings_of(in_order(GetParam()), [](TestGpu& gpu) {
    int* out = gpu.upload(std::vector<int>(160));
    double* pairs = gpu.upload(std::vector<double>(32));
    gpu::launch(gpu.stream(), {.name = "shuffle_lanes", .threads = 32}, shuffle_lanes, out, pairs);
    const std::vector<int> got = gpu.download(out, 160);
    const std::vector<double> got_pairs = gpu.download(pairs, 32);
    for (int lane = 0; lane < 32; ++lane) {
      const auto at = [&got, lane](int which) {
        return got[static_cast<std::size_t>(32 * which + lane)];
      };
      EXPECT_EQ(at(0), 5);
      EXPECT_EQ(at(1), lane / 8 * 8 + 1);
      EXPECT_EQ(at(2), lane + 3 < 32 ? lane + 3 : lane);
      EXPECT_EQ(at(3), lane % 16 + 3 < 16 ? lane + 3 : lane);
      EXPECT_EQ(at(4), lane ^ 9);
      EXPECT_EQ(got_pairs[static_cast<std::size_t>(lane)], 0.5 + (lane ^ 1));
    }
  });
  EXPECT_EQ(findings, "");
}

/// Half of the threads end before the barrier that the others meet, which hardware allows.
__global__ void end_early(int* out) {
  int* const shared = gpu::dynamic_shared<int>();
  if (threadIdx.x >= 32) return;
  shared[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = shared[31 - threadIdx.x];
}

TEST_P(KernelGridOrder, a_barrier_does_not_wait_for_threads_that_have_ended) {
  const std::string findings = findings_of(in_order(GetParam()), [](TestGpu& gpu) {
    int* out = gpu.upload(std::vector<int>(32));
    gpu::launch(gpu.stream(), {.name = "end_early", .threads = 64, .shared_bytes = 128}, end_early,
                out);
    EXPECT_EQ(gpu.download(out, 32), std::vector<int>(32, 1));
  });
  EXPECT_EQ(findings, "");
}

enum class Divergence {
  none,
  one_lane_ends,
  one_lane_at_barrier,
  other_mask,
  not_in_mask,
  foreign_lane
};

__global__ void diverge(Divergence how, float* out) {
  const auto lane = static_cast<int>(threadIdx.x);
  if (how == Divergence::one_lane_ends && lane == 7) return;
  if (how == Divergence::one_lane_at_barrier && lane == 7) __syncthreads();
  uint32_t mask = kAll;
  if (how == Divergence::other_mask && lane == 7) mask = 0xff;
  if (how == Divergence::not_in_mask && lane == 7) mask = 0xf;
  if (how == Divergence::foreign_lane) mask = lane < 16 ? 0xffff : 0xffff0000U;
  out[lane] = __shfl_xor_sync(mask, 1.0F, how == Divergence::foreign_lane ? 16 : 1);
}

std::string findings_of_divergence(Divergence how, int threads = 32) {
  return findings_of([how, threads](TestGpu& gpu) {
    float* out = gpu.upload(std::vector<float>(64));
    gpu::launch(gpu.stream(), {.name = "diverge", .threads = threads}, diverge, how, out);
  });
}

TEST(KernelGrid, a_lane_that_ended_leaves_a_shuffle_waiting) {
  EXPECT_THAT(findings_of_divergence(Divergence::one_lane_ends),
              HasSubstr("kernel diverge: in warp 0 of block 0, lane 0 waits in "
                        "__shfl_xor_sync(0xffffffff) for lane 7, which has ended"));
}

TEST(KernelGrid, a_lane_that_does_not_exist_leaves_a_shuffle_waiting) {
  EXPECT_THAT(
      findings_of_divergence(Divergence::none, 48),
      HasSubstr("kernel diverge: in warp 1 of block 0, lane 0 waits in "
                "__shfl_xor_sync(0xffffffff) for lane 16, which has ended or never existed"));
}

TEST(KernelGrid, a_lane_at_the_blocks_barrier_leaves_a_shuffle_waiting) {
  EXPECT_THAT(findings_of_divergence(Divergence::one_lane_at_barrier),
              HasSubstr("for lane 7, which waits at __syncthreads"));
}

TEST(KernelGrid, lanes_must_name_the_same_mask) {
  EXPECT_THAT(findings_of_divergence(Divergence::other_mask),
              HasSubstr("lane 7 waits in __shfl_xor_sync(0x000000ff) while lane 0 waits in "
                        "__shfl_xor_sync(0xffffffff)"));
}

TEST(KernelGrid, a_lane_must_be_in_its_own_mask) {
  EXPECT_THAT(findings_of_divergence(Divergence::not_in_mask),
              HasSubstr("lane 7 calls __shfl_xor_sync(0x0000000f), whose mask lacks it"));
}

TEST(KernelGrid, a_lane_outside_of_the_mask_has_nothing_to_read) {
  EXPECT_THAT(
      findings_of_divergence(Divergence::foreign_lane),
      HasSubstr("lane 0 reads lane 16 in __shfl_xor_sync(0x0000ffff), whose mask lacks that"));
}

TEST(KernelGrid, what_follows_an_abandoned_kernel_runs) {
  const std::string findings = findings_of([](TestGpu& gpu) {
    float* sums = gpu.upload(std::vector<float>(64));
    const float* in = gpu.upload(rows_of_ones(5 * 32));
    gpu::launch(gpu.stream(), {.name = "diverge", .threads = 32}, diverge,
                Divergence::one_lane_ends, sums);
    gpu::launch(gpu.stream(), kBlockSum, block_sum, sums, in, 32);
    EXPECT_EQ(gpu.download(sums, 5), std::vector<float>(5, 32.0F));
  });
  EXPECT_THAT(findings, HasSubstr("kernel diverge"));
}

__global__ void do_nothing() {}

std::string findings_of_shape(const gpu::LaunchShape& shape) {
  return findings_of([&shape](TestGpu& gpu) { gpu::launch(gpu.stream(), shape, do_nothing); });
}

TEST(KernelLaunch, refuses_what_exceeds_a_gpu) {
  EXPECT_THAT(findings_of_shape({.name = "big", .threads = 1025}),
              HasSubstr("kernel big: launched with 1025 threads per block (allowed: 1 to 1024)"));
  EXPECT_THAT(findings_of_shape({.name = "empty", .threads = 0}), HasSubstr("0 threads per block"));
  EXPECT_THAT(findings_of_shape({.name = "wide", .blocks = int64_t{1} << 31}),
              HasSubstr("2147483648 blocks along x"));
  EXPECT_THAT(findings_of_shape({.name = "high", .blocks_y = 65536}),
              HasSubstr("65536 blocks along y (allowed: 0 to 65535)"));
  EXPECT_THAT(findings_of_shape({.name = "greedy", .shared_bytes = 49153}),
              HasSubstr("49153 bytes of shared memory (allowed: 0 to 49152)"));
}

TEST(KernelLaunch, takes_the_limits_themselves) {
  EXPECT_EQ(findings_of_shape({.name = "full", .threads = 1024, .shared_bytes = 49152}), "");
  EXPECT_EQ(findings_of_shape({.name = "high", .blocks_y = 65535}), "");
}

TEST(KernelLaunch, no_blocks_are_no_launch) {
  findings_of([](TestGpu& gpu) {
    gpu::launch(gpu.stream(), {.name = "none", .blocks = 0}, do_nothing);
    EXPECT_EQ(counters(0).launches, 0);
    gpu::launch(gpu.stream(), {.name = "one"}, do_nothing);
    EXPECT_EQ(counters(0).launches, 1);
  });
}

__global__ void take(float, const float*) {}

TEST(KernelLaunch, is_told_from_others_by_its_arguments) {
  findings_of([](TestGpu& gpu) {
    const float* in = gpu.upload(rows_of_ones(8));
    const auto trace_of = [&](float a, const float* b) {
      take_trace(0);
      gpu::launch(gpu.stream(), {.name = "take"}, take, a, b);
      return take_trace(0);
    };
    const std::vector<std::string> once = trace_of(1.0F, in);
    ASSERT_EQ(once.size(), 1U);
    EXPECT_EQ(trace_of(1.0F, in), once);
    EXPECT_NE(trace_of(2.0F, in), once);
    EXPECT_NE(trace_of(1.0F, in + 1), once);
  });
}

TEST(DeviceMath, sincospi_is_exact_at_halves_and_close_elsewhere) {
  for (int i = -8; i <= 8; ++i) {
    double sine = 0.0;
    double cosine = 0.0;
    sincospi(i / 2.0, &sine, &cosine);
    const int quadrant = (i % 4 + 4) % 4;
    EXPECT_EQ(sine, quadrant == 1 ? 1.0 : quadrant == 3 ? -1.0 : 0.0);
    EXPECT_EQ(cosine, quadrant == 0 ? 1.0 : quadrant == 2 ? -1.0 : 0.0);
  }
  for (int i = -50; i < 50; ++i) {
    double sine = 0.0;
    double cosine = 0.0;
    sincospi(i * 0.17, &sine, &cosine);
    EXPECT_NEAR(sine, std::sin(i * 0.17 * std::numbers::pi), 1e-14);
    EXPECT_NEAR(cosine, std::cos(i * 0.17 * std::numbers::pi), 1e-14);
  }
}

}  // namespace
}  // namespace isoflop::emulation
