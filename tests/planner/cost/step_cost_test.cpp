// SPDX-License-Identifier: MIT
#include "planner/cost/step_cost.hpp"

#include "planner/cost/cost_fixtures.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr int64_t kSeqLen = 128;

StepTime cost(const ParallelLayout& layout, const Machine& machine = test::round_machine()) {
  return step_cost(test::small_shape(), layout, kSeqLen, machine);
}

/// Both blocks' matrices and both tables.
constexpr double kParameters = 2 * (4 * 64 * 64 + 2 * 64 * 256) + 2 * 64 * 1000;

TEST(StepCost, micro_batches_repeat_compute) {
  const StepTime once = cost({});
  const StepTime thrice = cost({.n_micro_batch = 3});
  EXPECT_DOUBLE_EQ(thrice.matmul_s, 3 * once.matmul_s);
  EXPECT_DOUBLE_EQ(thrice.head_s, 3 * once.head_s);
  EXPECT_DOUBLE_EQ(thrice.optimizer_s, once.optimizer_s);
}

TEST(StepCost, ddp_reduces_gradients_once_a_step) {
  // fp32, 2 x 3/4 of the bytes at 100 GB/s.
  const double expected = 4 * kParameters * 2 * 0.75 / 100e9;
  EXPECT_NEAR(cost({.data = 4}).communication_s, expected, 1e-15);
  EXPECT_NEAR(cost({.data = 4, .n_micro_batch = 7}).communication_s, expected, 1e-15);
}

TEST(StepCost, zero1_gathers_weights_instead_of_gradients) {
  const ParallelLayout layout{.strategy = ParallelStrategy::zero1, .data = 4, .shard = 4};
  EXPECT_NEAR(cost(layout).communication_s, (4 + 2) * kParameters * 0.75 / 100e9, 1e-15);
}

TEST(StepCost, fsdp_gathers_twice_and_reduces_in_every_micro_batch) {
  ParallelLayout layout{
      .strategy = ParallelStrategy::fsdp, .data = 4, .shard = 4, .n_micro_batch = 3};
  EXPECT_NEAR(cost(layout).communication_s, 3 * (2 + 2 + 4) * kParameters * 0.75 / 100e9, 1e-14);
  layout.regathers = false;  // weights once a step
  EXPECT_NEAR(cost(layout).communication_s, (2 + 3 * 4) * kParameters * 0.75 / 100e9, 1e-14);
}

TEST(StepCost, hsdp_reduces_shards_over_replicas) {
  const ParallelLayout layout{.strategy = ParallelStrategy::hsdp, .data = 16, .shard = 8};
  const double inside = (2 + 2 + 4) * kParameters * 7 / 8 / 100e9;
  // A shard of fp32 gradients over two nodes, of whose 80 GB/s each of eight groups has an eighth.
  const double between = 2 * 4 * kParameters / 8 / 2 / 10e9;
  EXPECT_NEAR(cost(layout).communication_s, inside + between, 1e-14);
}

TEST(StepCost, compute_hides_what_the_stack_overlaps) {
  Machine machine = test::round_machine();
  machine.stack.overlaps_data_parallel = true;
  machine.constants.overlap = 1;
  const ParallelLayout layout{
      .strategy = ParallelStrategy::fsdp, .data = 4, .shard = 4, .micro_batch = 1000};
  const StepTime open = cost(layout);
  const StepTime hidden = cost(layout, machine);
  // The first gather and the last reduction of three units have nothing to hide behind.
  EXPECT_NEAR(hidden.communication_s, open.communication_s / 3, 1e-12);
}

// Weights of the ring of four: 3/4 of them, then for each owner a call and half of three hops.
TEST(StepCost, owners_that_broadcast_wait_for_each_other) {
  Machine machine = test::round_machine();
  machine.stack.overlaps_gather = false;
  const ParallelLayout layout{.strategy = ParallelStrategy::zero1, .data = 4, .shard = 4};
  const double together = cost(layout, machine).communication_s;
  machine.stack.gathers_by_owner = true;
  machine.constants.owner_call_us = 1000;
  const double hops_s = 3 * machine.network.intra_node_hop_s;
  EXPECT_NEAR(cost(layout, machine).communication_s - together, 4 * (1e-3 + hops_s / 2), 1e-12);
}

TEST(StepCost, weights_that_do_not_overlap_are_gathered_in_the_open) {
  Machine machine = test::round_machine();
  machine.stack.overlaps_data_parallel = true;
  machine.constants.overlap = 1;
  const ParallelLayout layout{
      .strategy = ParallelStrategy::zero1, .data = 4, .shard = 4, .micro_batch = 1000};
  const double hidden = cost(layout, machine).communication_s;
  machine.stack.overlaps_gather = false;
  // Of three units, the first one's third was open before.
  EXPECT_NEAR(cost(layout, machine).communication_s - hidden,
              2 * kParameters * 0.75 / 100e9 * 2 / 3, 1e-12);
}

TEST(StepCost, replicas_are_reduced_beside_backward) {
  Machine machine = test::round_machine();
  machine.stack.overlaps_data_parallel = true;
  machine.constants.overlap = 1;
  const ParallelLayout layout{
      .strategy = ParallelStrategy::zero1, .data = 16, .shard = 8, .micro_batch = 1000};
  const ParallelLayout one_copy{
      .strategy = ParallelStrategy::zero1, .data = 8, .shard = 8, .micro_batch = 1000};
  const double between_s = 2 * 4 * kParameters / 8 / 2 / 10e9;
  EXPECT_NEAR(cost(layout, machine).communication_s - cost(one_copy, machine).communication_s,
              between_s / 3, 1e-12);
}

TEST(StepCost, a_pipeline_waits_for_its_fill_and_drain) {
  const StepTime whole = cost({.n_micro_batch = 8});
  const StepTime stages = cost({.pipeline = 2, .n_micro_batch = 8});
  const double block_s = (whole.matmul_s + whole.attention_s + whole.memory_bound_s) / 8 / 2;
  const double send_s = 2 * (2 * 128 * 64 / 100e9);
  // One micro batch of a stage, which is one block, and its sends; the others are open too.
  EXPECT_NEAR(stages.bubble_s, block_s + send_s + 8 * send_s, 1e-12);
  const StepTime chunks = cost({.pipeline = 2, .virtual_pipeline = 2, .n_micro_batch = 8});
  EXPECT_NEAR(chunks.bubble_s, (block_s + send_s) / 2 + 16 * send_s, 1e-12);
}

TEST(StepCost, the_stage_with_most_blocks_decides) {
  ModelShape shape = test::small_shape();
  shape.vocab_size = 1;
  shape.n_layer = 1;
  const Machine machine = test::round_machine();
  const double block_s = step_cost(shape, {}, kSeqLen, machine).matmul_s;
  shape.n_layer = 10;  // on 4 stages 2, 3, 3, 2
  const StepTime step = step_cost(shape, {.pipeline = 4, .n_micro_batch = 8}, kSeqLen, machine);
  EXPECT_NEAR(step.matmul_s, 8 * 3 * block_s, 1e-9 * block_s);
  EXPECT_EQ(step.head_s, 0);
}

TEST(StepCost, the_last_stage_decides_where_its_head_takes_longer_than_a_block) {
  ModelShape shape = test::small_shape();
  shape.n_layer = 7;  // on 2 stages 4, 3 and the head
  const Machine machine = test::round_machine();
  shape.vocab_size = 1'000'000;
  const StepTime step = step_cost(shape, {.pipeline = 2, .n_micro_batch = 8}, kSeqLen, machine);
  EXPECT_GT(step.head_s, 0);
  const StepTime whole = step_cost(shape, {.n_micro_batch = 8}, kSeqLen, machine);
  EXPECT_NEAR(step.matmul_s, 3.0 / 7 * whole.matmul_s, 1e-9 * whole.matmul_s);
  EXPECT_NEAR(step.head_s, whole.head_s, 1e-9 * whole.head_s);
}

TEST(StepCost, chunks_reduce_gradients_once_a_round) {
  ModelShape shape = test::small_shape();
  shape.n_layer = 4;
  ParallelLayout layout{.strategy = ParallelStrategy::zero2,
                        .data = 4,
                        .shard = 4,
                        .pipeline = 2,
                        .virtual_pipeline = 2,
                        .n_micro_batch = 6};
  const Machine machine = test::round_machine();
  const auto communication_s = [&] {
    return step_cost(shape, layout, kSeqLen, machine).communication_s;
  };
  // Two blocks and a table, fp32; three rounds of two micro batches.
  const double scatter_s = 4 * (2 * (4 * 64 * 64 + 2 * 64 * 256) + 64 * 1000) * 0.75 / 100e9;
  const double zero2_s = communication_s();
  layout.strategy = ParallelStrategy::zero1;
  EXPECT_NEAR(zero2_s - communication_s(), 2 * scatter_s, 1e-12);
}

TEST(StepCost, recomputation_adds_what_it_runs_again) {
  const StepTime none = cost({});
  const StepTime full = cost({.recompute = {1, 1, 1, 1, 1, 1}});
  EXPECT_NEAR(full.recompute_s, none.matmul_s / 3 + none.attention_s / 3.5, 1e-10);
  const StepTime attention = cost({.recompute = {.attention = 1}});
  EXPECT_NEAR(attention.recompute_s, none.attention_s / 3.5, 1e-12);
}

TEST(StepCost, small_work_waits_for_the_host) {
  Machine machine = test::round_machine();
  machine.constants.forward_launches = 10;
  machine.constants.backward_launches = 20;
  machine.launch_s = 1;
  const StepTime step = cost({.n_micro_batch = 2}, machine);
  const double busy = step.matmul_s + step.attention_s + step.memory_bound_s;
  EXPECT_NEAR(step.launch_s, 2 * 2 * 30 - busy, 1e-9);
}

TEST(StepCost, sharding_divides_the_optimizers_work) {
  Machine machine = test::round_machine();
  machine.constants.optimizer_bytes = 40;
  machine.memory_bytes_per_s = 1e9;
  const ParallelLayout sharded{.strategy = ParallelStrategy::zero1, .data = 4, .shard = 4};
  EXPECT_NEAR(cost({.data = 4}, machine).optimizer_s, 40 * kParameters / 1e9, 1e-12);
  EXPECT_NEAR(cost(sharded, machine).optimizer_s, 10 * kParameters / 1e9, 1e-12);
  machine.stack.optimizer_bytes = 20;
  EXPECT_NEAR(cost(sharded, machine).optimizer_s, 5 * kParameters / 1e9, 1e-12);
}

TEST(StepCost, a_program_that_runs_ahead_of_the_device_has_no_overhead_of_a_step) {
  Machine machine = test::round_machine();
  machine.constants.step_overhead_s = 0.01;
  EXPECT_EQ(cost({}, machine).overhead_s, 0.01);
  machine.stack.waits_between_steps = false;
  EXPECT_EQ(cost({}, machine).overhead_s, 0);
}

}  // namespace
}  // namespace isoflop
