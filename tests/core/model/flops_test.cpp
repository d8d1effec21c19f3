// SPDX-License-Identifier: MIT
#include "core/model/flops.hpp"

#include "core/model/param_count.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr double kGiga = 1e9;

// By hand: 2 x (6,738,415,616 - 32000 x 4096 looked up - 65 x 4096 norm weights) of matrix products
// and 2 x 32 x 4096 x 2048 of causal attention.
TEST(Flops, llama_7b_forward_is_13_75_gflop_a_token_at_2048) {
  const FlopsPerToken flops = forward_flops_per_token(test::llama_7b(), 2048);
  const double weights = 2.0 * (6'738'415'616 - 32000 * 4096 - 65 * 4096);
  EXPECT_DOUBLE_EQ(flops.attention_scores, 2.0 * 32 * 4096 * 2048);
  EXPECT_DOUBLE_EQ(flops.matmul() - flops.attention_scores, weights);
  EXPECT_NEAR(weights / kGiga, 13.21, 0.005);
  EXPECT_NEAR(flops.matmul() / kGiga, 13.75, 0.005);
}

TEST(Flops, llama_7b_by_component) {
  const FlopsPerToken flops = forward_flops_per_token(test::llama_7b(), 2048);
  EXPECT_DOUBLE_EQ(flops.qkv_projection, 2.0 * 32 * 3 * 4096 * 4096);
  EXPECT_DOUBLE_EQ(flops.output_projection, 2.0 * 32 * 4096 * 4096);
  EXPECT_DOUBLE_EQ(flops.ffn, 2.0 * 32 * 3 * 4096 * 11008);
  EXPECT_DOUBLE_EQ(flops.lm_head, 2.0 * 4096 * 32000);
  EXPECT_DOUBLE_EQ(flops.router, 0);
}

TEST(Flops, gpt2_small_training_is_0_80_gflop_a_token_causal_and_0_86_full_square) {
  const ModelShape shape = test::gpt2_124m();
  EXPECT_NEAR(train_flops_per_token(shape, 1024) / kGiga, 0.80, 0.005);
  EXPECT_NEAR(train_flops_per_token(shape, 1024, AttentionFlops::full_square) / kGiga, 0.855,
              0.001);
}

TEST(Flops, llama3_8b_training_is_51_47_gflop_a_token_causal_and_57_91_full_square_at_8192) {
  const ModelShape shape = test::llama3_8b();
  EXPECT_NEAR(train_flops_per_token(shape, 8192) / kGiga, 51.47, 0.005);
  EXPECT_NEAR(train_flops_per_token(shape, 8192, AttentionFlops::full_square) / kGiga, 57.91,
              0.005);
}

// PaLM, arXiv:2204.02311, appendix B: 6 N + 12 L H Q T, N without the embedding that is looked up.
TEST(Flops, full_square_training_equals_the_formula_of_palm) {
  const ModelShape shape = test::llama3_8b();
  const ParamCount count = count_params(shape);
  const double matmul_params = static_cast<double>(count.attention + count.ffn + count.output);
  EXPECT_DOUBLE_EQ(train_flops_per_token(shape, 8192, AttentionFlops::full_square),
                   6 * matmul_params + 12.0 * 32 * 32 * 128 * 8192);
}

TEST(Flops, tied_output_projection_is_counted) {
  ModelShape shape = test::llama_7b();
  const double untied = train_flops_per_token(shape, 2048);
  shape.tied_embeddings = true;
  EXPECT_DOUBLE_EQ(train_flops_per_token(shape, 2048), untied);
}

// Two experts of eight: 2 x 32 x (2 x 3 x 4096 x 14336), and a router of 4096 x 8.
TEST(Flops, mixtral_counts_active_experts_and_the_router) {
  const FlopsPerToken flops = forward_flops_per_token(test::mixtral_8x7b(), 4096);
  EXPECT_DOUBLE_EQ(flops.ffn, 2.0 * 32 * 2 * 3 * 4096 * 14336);
  EXPECT_DOUBLE_EQ(flops.router, 2.0 * 32 * 4096 * 8);
}

// The matrices a token visits: active parameters without embedding, norms (also those inside latent
// attention) and router biases.
TEST(Flops, deepseek_v3_matrix_products_equal_its_active_matrices) {
  const ModelShape shape = test::deepseek_v3();
  const ParamCount count = count_params(shape);
  const int64_t latent_norms = 61 * (1536 + 512);
  const int64_t matrices =
      count.active() - count.token_embedding - count.norm - latent_norms - 58 * 256;
  const FlopsPerToken flops = forward_flops_per_token(shape, 4096, AttentionFlops::full_square);
  EXPECT_DOUBLE_EQ(flops.matmul() - flops.attention_scores, 2.0 * static_cast<double>(matrices));
  // Scores over 192 dimensions, values over 128, 128 heads, 61 layers.
  EXPECT_DOUBLE_EQ(flops.attention_scores, 2.0 * 61 * 128 * (192 + 128) * 4096);
}

TEST(Flops, element_wise_work_stays_out_of_matmul_and_below_two_percent_of_it) {
  const FlopsPerToken flops = forward_flops_per_token(test::llama3_8b(), 8192);
  EXPECT_GT(flops.other, 0);
  EXPECT_LT(flops.other, 0.02 * flops.matmul());
}

// By hand for one layer, one head: RMSNorm 4 x 8 three times, residuals 2 x 8, RoPE 3 x 16, softmax
// 5 x 2 keys, ReLU 1 x 16, cross-entropy 4 x 10.
TEST(Flops, element_wise_work_of_a_tiny_model_by_hand) {
  ModelShape shape = test::llama({1, 8, 1, 1, 16, 10, 4});
  shape.ffn = FfnType::standard;
  shape.activation = Activation::relu;
  EXPECT_DOUBLE_EQ(forward_flops_per_token(shape, 4).other, 96 + 16 + 48 + 10 + 16 + 40);
}

// LLaMA 7B, 31 of 32 blocks: 4 x 4096^2 of attention's matrices and 2 x 4096 x 11008 of the FFN's
// first two (gate and up), 2 FLOPs a weight; causal scores 2 x 4096 x 2048.
TEST(RecomputeFlops, of_whole_blocks_leave_out_the_last_product_and_the_last_block) {
  const ModelShape shape = test::llama_7b();
  const double block = 2.0 * (4.0 * 4096 * 4096 + 2.0 * 4096 * 11008) + 2.0 * 4096 * 2048;
  EXPECT_DOUBLE_EQ(recompute_flops_per_token(shape, Recompute::full, 2048), 31 * block);
}

TEST(RecomputeFlops, of_post_norm_blocks_hold_the_last_product) {
  ModelShape shape = test::gpt2_124m();
  const double pre = recompute_flops_per_token(shape, Recompute::full, 1024);
  shape.norm_position = NormPosition::post;
  EXPECT_DOUBLE_EQ(recompute_flops_per_token(shape, Recompute::full, 1024) - pre,
                   11 * 2.0 * 768 * 3072);
}

TEST(RecomputeFlops, of_norms_and_activations_are_none_and_of_attention_its_scores) {
  const ModelShape shape = test::gpt2_124m();
  const RecomputePlan cheap = BlockParts{BlockPart::norms, BlockPart::activations};
  EXPECT_EQ(recompute_flops_per_token(shape, Recompute::none, 1024), 0);
  EXPECT_EQ(recompute_flops_per_token(shape, cheap, 1024), 0);
  EXPECT_DOUBLE_EQ(recompute_flops_per_token(shape, Recompute::selective, 1024),
                   11 * 2.0 * 768 * 1024);
  EXPECT_DOUBLE_EQ(
      recompute_flops_per_token(shape, Recompute::selective, 1024, AttentionFlops::full_square),
      11 * 4.0 * 768 * 1024);
}

// Blocks 0-3 whole, of which the last has only its attention run again: block 9 shares that.
TEST(RecomputeFlops, of_ranges_count_what_backward_runs) {
  const ModelShape shape = test::gpt2_124m();
  const RecomputePlan plan({{0, 3, BlockParts(Recompute::full)}, {9, 9, {BlockPart::attention}}});
  const double scores = 2.0 * 768 * 1024;
  const double block = 2.0 * (4.0 * 768 * 768 + 768.0 * 3072) + scores;
  EXPECT_DOUBLE_EQ(recompute_flops_per_token(shape, plan, 1024), 3 * block + scores);
}

// Korthikanti et al., arXiv:2205.05198, appendix A: a layer's forward pass takes 24 h^2 + 4 s h
// FLOPs a token, the logits 2 h v, backward twice that; running the attention again takes 4 s h. 11
// of GPT-2's 12 blocks do.
TEST(RecomputeFactor, of_attention_is_its_share_of_the_full_square) {
  const double s = 1024, h = 768, L = 12, v = 50257;
  const double model = 3 * (L * (24 * h * h + 4 * s * h) + 2 * h * v);
  EXPECT_NEAR(recompute_factor(test::gpt2_124m(), BlockParts{BlockPart::attention}, 1024,
                               AttentionFlops::full_square),
              1 + 11 * 4 * s * h / model, 1e-12);
}

TEST(RecomputeFactor, of_whole_blocks_is_below_four_thirds) {
  EXPECT_EQ(recompute_factor(test::llama_7b(), Recompute::none, 2048), 1);
  const double factor = recompute_factor(test::llama_7b(), Recompute::full, 2048);
  EXPECT_GT(factor, 1.2);
  EXPECT_LT(factor, 4.0 / 3);
}

}  // namespace
}  // namespace isoflop
