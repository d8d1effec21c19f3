// SPDX-License-Identifier: MIT
#include "planner/cost/block_cost.hpp"

#include "core/model/flops.hpp"
#include "planner/cost/cost_fixtures.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

constexpr double kFlopsPerSecond = 1e12;
constexpr int64_t kSeqLen = 128;

double close(double value) { return 1e-9 * value; }

TEST(BlockCost, products_and_attention_take_the_models_flops) {
  const ModelShape shape = test::small_shape();
  const Machine machine = test::round_machine();
  const BlockCost block = block_cost(shape, {.micro_batch = 3}, kSeqLen, machine);
  const PassSeconds head = head_cost(shape, {.micro_batch = 3}, kSeqLen, machine);
  const FlopsPerToken flops = forward_flops_per_token(shape, kSeqLen);
  const double tokens = 3 * kSeqLen;
  const double products = flops.matmul() - flops.attention_scores - flops.lm_head;
  const double expected = tokens * products / 2 / kFlopsPerSecond;
  EXPECT_NEAR(block.products.forward, expected, close(expected));
  EXPECT_NEAR(block.products.backward, 2 * expected, close(expected));
  EXPECT_NEAR(head.forward, tokens * flops.lm_head / kFlopsPerSecond, 1e-11);
  // Half of all scores; narrow heads take (128 / 16)^(1/4) times as long.
  const double scores = tokens * flops.attention_scores / 2 / kFlopsPerSecond * std::pow(8, 0.25);
  EXPECT_NEAR(block.attention.forward, scores, close(scores));
  EXPECT_NEAR(block.attention.backward, 2.5 * scores, close(scores));
}

TEST(BlockCost, tensor_groups_split_work_and_pay_for_reductions) {
  const ModelShape shape = test::small_shape();
  const Machine machine = test::round_machine();
  const BlockCost whole = block_cost(shape, {}, kSeqLen, machine);
  const BlockCost half = block_cost(shape, {.tensor = 2}, kSeqLen, machine);
  EXPECT_NEAR(half.products.forward, whole.products.forward / 2, close(whole.products.forward));
  EXPECT_EQ(whole.communication.forward, 0);
  // Two all-reduces of 128 x 64 two-byte numbers, each 2 x 1/2 of the bytes at 100 GB/s.
  EXPECT_NEAR(half.communication.forward, 2 * 2 * 128 * 64 / 100e9, 1e-15);
}

TEST(BlockCost, experts_cost_what_a_token_visits) {
  ModelShape shape = test::small_shape();
  shape.moe = MoeShape{.n_routed_expert = 8, .n_active_expert = 2, .d_ff_expert = 256};
  const Machine machine = test::round_machine();
  const BlockCost experts = block_cost(shape, {}, kSeqLen, machine);
  const BlockCost dense = block_cost(test::small_shape(), {}, kSeqLen, machine);
  const double ffn = 2.0 * kSeqLen * 2 * 64 * 256 / kFlopsPerSecond;
  EXPECT_NEAR(experts.products.forward - dense.products.forward, ffn, close(ffn));
  const BlockCost shared_out = block_cost(shape, {.data = 4, .expert = 4}, kSeqLen, machine);
  EXPECT_NEAR(shared_out.products.forward, experts.products.forward, close(ffn));
}

// Of 8 experts drawn over 4 nodes 4 (1 - (3/4)^8) = 3.6 nodes have one, three quarters of them
// other ones.
TEST(BlockCost, tokens_cross_to_the_nodes_that_their_experts_are_expected_on) {
  ModelShape shape = test::small_shape();
  shape.moe = MoeShape{.n_routed_expert = 32, .n_active_expert = 8, .d_ff_expert = 256};
  const auto exchange_s = [&](int64_t active) {
    shape.moe->n_active_expert = active;
    Machine machine = test::round_machine();
    machine.constants.expert_exchange = 1;
    const ParallelLayout layout{.data = 32, .expert = 32};
    return block_cost(shape, layout, kSeqLen, machine).communication.forward;
  };
  const double token_s = 2 * 2.0 * 64 * kSeqLen / 10e9;  // there and back, a port of 10 GB/s
  EXPECT_NEAR(exchange_s(8), token_s * 4 * (1 - std::pow(0.75, 8)) * 0.75, 1e-15);
  EXPECT_NEAR(exchange_s(1), token_s * 0.75, 1e-15);
}

TEST(BlockCost, context_groups_add_up_what_their_pieces_made) {
  Machine machine = test::round_machine();
  machine.memory_bytes_per_s = 1e9;
  const ModelShape shape = test::small_shape();
  const BlockCost whole = block_cost(shape, {}, kSeqLen, machine);
  const BlockCost half = block_cost(shape, {.context = 2}, kSeqLen, machine);
  EXPECT_NEAR(half.attention.forward, whole.attention.forward / 2, close(whole.attention.forward));
  // Two partial outputs of 64 are read, and each read and written where they are added up.
  const double sums_s = 2 * 3 * 2 * 64.0 * (kSeqLen / 2) / 1e9;
  EXPECT_NEAR(half.elementwise.forward - whole.elementwise.forward / 2, sums_s, close(sums_s));
}

TEST(BlockCost, written_scores_move_bytes) {
  Machine machine = test::round_machine();
  machine.stack.attention = AttentionKernel::materialised;
  machine.memory_bytes_per_s = 1e9;
  const BlockCost block = block_cost(test::small_shape(), {}, kSeqLen, machine);
  const double scores = 4.0 * 128 * 128;
  // Both products over the full square, and 11 bytes a score.
  const double expected = 2 * scores * 2 * 16 / kFlopsPerSecond + 11 * scores / 1e9;
  EXPECT_NEAR(block.attention.forward, expected, close(expected));
}

// Norms of 8 x 64 and RoPE of 2 x 192 elements a token; the activation moves 256 + 256 of two bytes
// forward, 3 x 256 backward.
TEST(BlockCost, backward_of_norms_costs_what_the_program_makes_of_it) {
  Machine machine = test::round_machine();
  machine.memory_bytes_per_s = 1e9;
  const double norms_s = 2 * kSeqLen * (8 * 64 + 2 * 192) / 1e9;
  const double activation_s = 2 * kSeqLen * 3 * 256 / 1e9;
  for (const double backward : {1.5, 1.0}) {
    machine.stack.norm_backward = backward;
    EXPECT_NEAR(block_cost(test::small_shape(), {}, kSeqLen, machine).elementwise.backward,
                backward * norms_s + activation_s, 1e-12);
  }
}

TEST(HeadCost, logits_cost_what_passes_memory_outside_of_products) {
  Machine machine = test::round_machine();
  machine.memory_bytes_per_s = 1e9;
  const double before = head_cost(test::small_shape(), {}, kSeqLen, machine).forward;
  machine.stack.logit_traffic = 5;
  EXPECT_NEAR(before - head_cost(test::small_shape(), {}, kSeqLen, machine).forward,
              3 * kSeqLen * 1000 / 1e9, 1e-12);
}

TEST(BlockCost, latent_attention_counts_its_own_projections) {
  ModelShape shape = test::small_shape();
  shape.n_head = shape.n_kv_head = 4;
  shape.mla = MlaShape{.q_lora_rank = 32,
                       .kv_lora_rank = 16,
                       .qk_nope_head_dim = 8,
                       .qk_rope_head_dim = 8,
                       .v_head_dim = 16};
  shape.d_head = 16;
  const BlockCost block = block_cost(shape, {}, kSeqLen, test::round_machine());
  // 64x32, 32x(4x16), 64x(16+8), 16x(4x(8+16)), (4x16)x64 and the FFN's 2 x 64 x 256.
  const double weights = 64 * 32 + 32 * 64 + 64 * 24 + 16 * 96 + 64 * 64 + 2 * 64 * 256;
  EXPECT_NEAR(block.products.forward, 2 * kSeqLen * weights / kFlopsPerSecond, 1e-15);
}

TEST(Machine, half_depth_and_output_halve_the_rate) {
  Machine machine = test::round_machine();
  const ProductRate rate{1e12, 100, 1000};
  const double ideal = 2 * 1e9 * 100 / 1e12;
  EXPECT_NEAR(product_s(rate, machine, 1e5, 1e4, 100), 2 * ideal, 1e-5 * ideal);
  EXPECT_NEAR(product_s(rate, machine, 100, 10, 1e8), 2 * (2 * 1e11 / 1e12), 1e-5);
  machine.memory_bytes_per_s = 1;
  EXPECT_DOUBLE_EQ(product_s(rate, machine, 2, 3, 4), 2 * (8 + 12 + 6));
}

}  // namespace
}  // namespace isoflop
