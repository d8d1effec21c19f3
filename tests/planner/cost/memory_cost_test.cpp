// SPDX-License-Identifier: MIT
#include "planner/cost/memory_cost.hpp"

#include "planner/cost/cost_fixtures.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr int64_t kSeqLen = 128;
/// Both blocks' matrices and both tables.
constexpr double kBlock = 4 * 64 * 64 + 2 * 64 * 256;
constexpr double kTable = 64 * 1000;
constexpr double kParameters = 2 * kBlock + 2 * kTable;

DeviceMemory memory(const ParallelLayout& layout, const SoftwareStack& stack = {}) {
  return memory_cost(test::small_shape(), layout, kSeqLen, Precision::bf16, stack);
}

TEST(MemoryCost, states_follow_the_strategy) {
  const DeviceMemory ddp = memory({.data = 4});
  EXPECT_DOUBLE_EQ(ddp.weights + ddp.gradients + ddp.optimizer, (2 + 4 + 12) * kParameters);
  const DeviceMemory zero1 = memory({.strategy = ParallelStrategy::zero1, .data = 4, .shard = 4});
  EXPECT_DOUBLE_EQ(zero1.optimizer, 3 * kParameters);
  EXPECT_DOUBLE_EQ(zero1.gradients, 4 * kParameters);
  const DeviceMemory fsdp = memory({.strategy = ParallelStrategy::fsdp, .data = 4, .shard = 4});
  EXPECT_DOUBLE_EQ(fsdp.weights + fsdp.gradients + fsdp.optimizer, 4 * kParameters);
  EXPECT_DOUBLE_EQ(fsdp.gathered, (2 * 2 + 4) * (kBlock + kTable));
}

TEST(MemoryCost, a_block_keeps_what_backward_needs) {
  // Twice the residual stream and both norms 8 x 64, queries, keys, values 6 x 64, attention's
  // output 2 x 64 and statistics 4 x 4, the FFN 2 x 256 and 2 x 256.
  const double block = 8 * 64 + 6 * 64 + 2 * 64 + 4 * 4 + 4 * 256;
  EXPECT_DOUBLE_EQ(memory({.micro_batch = 3}).activations, 2 * block * 3 * kSeqLen);
  // Tensor groups split all but norms and residuals; with sequence parallelism those too.
  const double half = 8 * 64 + (block - 8 * 64) / 2;
  EXPECT_DOUBLE_EQ(memory({.tensor = 2}).activations, 2 * half * kSeqLen);
  EXPECT_DOUBLE_EQ(memory({.tensor = 2, .sequence_parallel = true}).activations, block * kSeqLen);
  const ParallelLayout full{.recompute = {1, 1, 1, 1, 1, 1}};
  EXPECT_DOUBLE_EQ(memory(full).activations, (2 * 2 * 64 + block) * kSeqLen);
}

TEST(MemoryCost, scores_in_memory_grow_with_the_square_of_the_length) {
  SoftwareStack stack;
  stack.attention = AttentionKernel::materialised;
  const double more = memory({}, stack).activations - memory({}).activations;
  EXPECT_DOUBLE_EQ(more, 2 * 5.0 * 4 * kSeqLen * kSeqLen);
  const ParallelLayout selective{.recompute = {.attention = 1}};
  EXPECT_DOUBLE_EQ(memory(selective, stack).activations, memory({}).activations);
}

TEST(MemoryCost, the_first_stage_holds_as_many_micro_batches_as_stages) {
  const double block = memory({}).activations / 2;
  ModelShape shape = test::small_shape();
  shape.vocab_size = 16;  // so that the first stage is the larger
  const auto activations = [&](const ParallelLayout& layout) {
    return memory_cost(shape, layout, kSeqLen, Precision::bf16, {}).activations;
  };
  EXPECT_DOUBLE_EQ(activations({.pipeline = 2, .n_micro_batch = 8}), 2 * block);
  EXPECT_DOUBLE_EQ(activations({.pipeline = 2, .n_micro_batch = 1}), block);
  EXPECT_DOUBLE_EQ(activations({.pipeline = 2, .virtual_pipeline = 2, .n_micro_batch = 8}),
                   2.5 * block);
}

TEST(MemoryCost, gathered_inputs_that_are_kept_are_whole) {
  SoftwareStack stack;
  stack.keeps_gathered_inputs = true;
  const ParallelLayout layout{.tensor = 2, .sequence_parallel = true};
  const double more = memory(layout, stack).activations - memory(layout).activations;
  // In each block half of two inputs of 64, then once an output of 64 and its gradient.
  EXPECT_DOUBLE_EQ(more, (2 * 2 * 2 * 64 / 2 + 2 * 2 * 64) * kSeqLen);
  EXPECT_DOUBLE_EQ(memory({}, stack).activations, memory({}).activations);
}

TEST(MemoryCost, shards_of_a_pipeline_stay_whole_through_a_step) {
  ModelShape shape = test::small_shape();
  shape.vocab_size = 16;
  const ParallelLayout layout{
      .strategy = ParallelStrategy::fsdp, .data = 4, .shard = 4, .pipeline = 2, .n_micro_batch = 8};
  const DeviceMemory memory = memory_cost(shape, layout, kSeqLen, Precision::bf16, {});
  const double stage = kBlock + 64 * 16;
  EXPECT_DOUBLE_EQ(memory.weights, (4.0 / 4 + 2) * stage);
  EXPECT_DOUBLE_EQ(memory.gradients, (4.0 / 4 + 4) * stage);
}

TEST(MemoryCost, experts_are_shared_out) {
  ModelShape shape = test::small_shape();
  shape.moe = MoeShape{.n_routed_expert = 8, .n_active_expert = 2, .d_ff_expert = 256};
  const auto weights = [&](const ParallelLayout& layout) {
    return memory_cost(shape, layout, kSeqLen, Precision::bf16, {}).weights / 2;
  };
  const double expert = 2 * 64 * 256;
  const double rest = 2 * 4 * 64 * 64 + 2 * kTable;
  EXPECT_DOUBLE_EQ(weights({}), rest + 2 * 8 * expert);
  EXPECT_DOUBLE_EQ(weights({.data = 4, .expert = 4}), rest + 2 * 2 * expert);
}

}  // namespace
}  // namespace isoflop
