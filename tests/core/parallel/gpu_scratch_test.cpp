// SPDX-License-Identifier: MIT
#include "core/parallel/gpu_scratch.hpp"

#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr AttentionSize kGrouped{4, 4096, 32, 8, 64}, kMultiHead{4, 4096, 32, 32, 64};

// Plans of cuDNN 9.19: B = 4, T = 4096, 32 heads of 64, n = 32 Mi elements.
TEST(GpuScratch, attention_plans_take_what_cudnn_states) {
  EXPECT_EQ(attention_plan_bytes(kMultiHead, {90, false}), 0);
  EXPECT_EQ(attention_plan_bytes(kGrouped, {90, false}), 128 * kMiB);
  EXPECT_EQ(attention_plan_bytes(kGrouped, {100, false}), 128 * kMiB);
  EXPECT_EQ(attention_plan_bytes(kGrouped, {80, false}), 256 * kMiB);
  EXPECT_EQ(attention_plan_bytes(kGrouped, {100, true}), 256 * kMiB);
  EXPECT_EQ(attention_plan_bytes(kMultiHead, {100, true}), 0);
  EXPECT_EQ(attention_plan_bytes(kMultiHead, {90, true}), 4096 * kMiB);
  EXPECT_EQ(attention_plan_bytes(kGrouped, {80, true}), 4224 * kMiB);
}

TEST(GpuScratch, capabilities_are_read_and_other_makers_left_out) {
  EXPECT_EQ(gpu_kernels("8.0")->sm_version, 80);
  EXPECT_EQ(gpu_kernels("10.0")->sm_version, 100);
  EXPECT_FALSE(gpu_kernels("gfx942"));
  EXPECT_FALSE(gpu_kernels(""));
}

// Sums of d_q in f32 (128 MiB) and the plan's 128 MiB; in fp32 no such plan, but cuBLASLt's 32 MiB.
TEST(GpuScratch, the_most_demanding_op_decides) {
  ModelShape shape = test::llama({2, 2048, 32, 8, 5632, 32000, 4096});
  EXPECT_EQ(gpu_scratch_bytes(shape, 4, 4096, Precision::bf16, {90, false}), 257 * kMiB);
  EXPECT_EQ(gpu_scratch_bytes(shape, 4, 4096, Precision::fp32, {90, false}), 33 * kMiB);
}

// cuDNN has no dropout of ours; manual attention drops 4096 x 4096 probabilities of a head at a
// time.
TEST(GpuScratch, attention_of_our_own_takes_what_it_needs) {
  ModelShape shape = test::llama({2, 2048, 32, 8, 5632, 32000, 4096});
  shape.dropout = 0.1;
  EXPECT_EQ(gpu_scratch_bytes(shape, 4, 4096, Precision::bf16, {90, false}), 33 * kMiB);
  shape.attention_backend = AttentionBackend::manual;
  EXPECT_EQ(gpu_scratch_bytes(shape, 4, 4096, Precision::bf16, {90, false}), (32 + 32 + 1) * kMiB);
  EXPECT_EQ(gpu_scratch_bytes(shape, 4, 4096, Precision::fp32, {90, false}), (64 + 32 + 1) * kMiB);
}

}  // namespace
}  // namespace isoflop
