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

TEST(MemoryCost, the_last_stage_of_an_interleaved_pipeline_has_chunks_in_flight) {
  const ParallelLayout layout{.pipeline = 4, .virtual_pipeline = 2, .n_micro_batch = 8};
  ModelShape shape = test::small_shape();
  shape.n_layer = 8;
  shape.vocab_size = 1'000'000;  // so that the last stage is the fullest
  const double block = memory({}).activations / 2;
  // (chunks - 1) x stages + 1 chunks of a block each.
  EXPECT_DOUBLE_EQ(memory_cost(shape, layout, kSeqLen, Precision::bf16, {}).activations, 5 * block);
}

TEST(MemoryCost, a_fuller_second_stage_decides) {
  ModelShape shape = test::small_shape();
  shape.n_layer = 6;  // on 4 stages 1, 2, 2, 1
  shape.vocab_size = 16;
  const double block = memory({}).activations / 2;
  const ParallelLayout layout{.pipeline = 4, .n_micro_batch = 8};
  EXPECT_DOUBLE_EQ(memory_cost(shape, layout, kSeqLen, Precision::bf16, {}).activations,
                   3 * 2 * block);  // three micro batches of two blocks against four of one
}

TEST(MemoryCost, zero2_of_a_pipeline_has_one_chunks_gradients_whole) {
  ModelShape shape = test::small_shape();
  shape.n_layer = 8;
  shape.vocab_size = 16;
  ParallelLayout layout{.strategy = ParallelStrategy::zero2,
                        .data = 4,
                        .shard = 4,
                        .pipeline = 2,
                        .virtual_pipeline = 4,
                        .n_micro_batch = 8};
  const auto gradients = [&] {
    return memory_cost(shape, layout, kSeqLen, Precision::bf16, {}).gradients;
  };
  const double stage = 4 * kBlock + 64 * 16;
  EXPECT_DOUBLE_EQ(gradients(), 4 * stage / 4 + 4 * kBlock);
  layout.virtual_pipeline = 1;  // one chunk is all
  EXPECT_DOUBLE_EQ(gradients(), 4 * stage);
}

// Llama 3 405B as it was trained on 16,384 H100: tensor 8, pipeline 16, data 128, 16 sequences of
// 8,192 tokens each, nothing recomputed, gradients and optimizer sharded (arXiv:2407.21783, section
// 3.3.2 and table 4).
TEST(MemoryCost, llama_3_405b_fits_without_recomputation) {
  const ParallelLayout layout{.strategy = ParallelStrategy::zero2,
                              .data = 128,
                              .shard = 128,
                              .tensor = 8,
                              .pipeline = 16,
                              .virtual_pipeline = 8,
                              .sequence_parallel = true,
                              .n_micro_batch = 16};
  const double bytes = memory_cost(test::llama3_405b(), layout, 8192, Precision::bf16, {}).total();
  // 80 GiB less 2.5 GiB of context and communicators and 6 % of fragmentation.
  EXPECT_LT(bytes, (80 - 2.5) / 1.06 * 1024 * 1024 * 1024);
  EXPECT_GT(bytes, 0.9 * (80 - 2.5) / 1.06 * 1024 * 1024 * 1024) << "they had no room to spare";
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
