// SPDX-License-Identifier: MIT
#include "planner/analysis/model_analysis.hpp"

#include "core/base/error.hpp"
#include "core/model/muon_matrices.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

ModelAnalysis analyse(const ModelShape& shape, Precision precision = Precision::bf16) {
  return analyse_model(shape, {1024}, precision);
}

TEST(ModelAnalysis, components_sum_to_the_exact_count) {
  const std::pair<ModelShape, int64_t> cases[] = {
      {test::gpt2_124m(), 124'439'808},       {test::gpt2(48, 1600, 25), 1'557'611'200},
      {test::llama_7b(), 6'738'415'616},      {test::llama_65b(), 65'285'660'672},
      {test::llama3_8b(), 8'030'261'248},     {test::llama3_70b(), 70'553'706'496},
      {test::llama3_405b(), 405'853'388'800}, {test::mixtral_8x7b(), 46'702'792'704},
      {test::deepseek_v3(), 671'026'419'200}};
  for (const auto& [shape, n_params] : cases) {
    const ModelAnalysis analysis = analyse(shape);
    EXPECT_EQ(analysis.total.n_params, n_params) << short_name(shape);
    EXPECT_EQ(analysis.total.n_params, analysis.params.total());
    EXPECT_EQ(analysis.total.n_active, analysis.params.active());
  }
}

TEST(ModelAnalysis, deepseek_v3_activates_37_billion_and_counts_prediction_layers_apart) {
  const ModelAnalysis analysis = analyse(test::deepseek_v3());
  EXPECT_NEAR(static_cast<double>(analysis.total.n_active), 37.55e9, 0.01e9);
  EXPECT_GT(analysis.params.mtp, 11'000'000'000);
}

TEST(ModelAnalysis, mixed_precision_keeps_18_bytes_a_parameter_under_adamw) {
  const ModelAnalysis analysis = analyse(test::llama_7b());
  const StateBytes& state = analysis.total.state;
  EXPECT_EQ(state.weights, 6 * 6'738'415'616);
  EXPECT_EQ(state.gradients, 4 * 6'738'415'616);
  EXPECT_EQ(state.adamw, 8 * 6'738'415'616);
  EXPECT_EQ(analyse(test::llama_7b(), Precision::fp32).total.state.weights, 4 * 6'738'415'616);
}

TEST(ModelAnalysis, muon_keeps_one_momentum_of_what_the_trainer_gives_it) {
  ModelShape normed = test::llama3_8b();
  normed.qk_norm = normed.qkv_bias = true;
  for (const ModelShape& shape : {test::gpt2_124m(), test::llama_7b(), normed}) {
    int64_t n_hidden = 0;
    for (const MuonMatrix& matrix : muon_matrices(shape)) n_hidden += matrix.size();
    const ModelAnalysis analysis = analyse(shape);
    EXPECT_EQ(analysis.total.state.muon, 8 * analysis.total.n_params - 4 * n_hidden);
  }
}

TEST(ModelAnalysis, attention_over_ffn_of_llama_7b_is_0_56) {
  // A layer: projections 8 H^2 and causal scores 2 H S, over 6 H d_ff: (134.2 + 16.8) / 270.5.
  const ModelAnalysis analysis = analyse_model(test::llama_7b(), {2048}, Precision::bf16);
  EXPECT_NEAR(attention_over_ffn(analysis.sequences.front().causal), 0.558, 0.0005);
}

TEST(ModelAnalysis, activations_shrink_with_recomputation_and_grow_with_stored_scores) {
  const ModelAnalysis analysis = analyse_model(test::llama_7b(), {2048}, Precision::bf16);
  const ActivationBytes bytes = analysis.sequences.front().activations;
  EXPECT_LT(bytes.full, bytes.selective);
  EXPECT_LT(bytes.selective, bytes.keep_all);
  // 32 layers x 32 heads x 2048 x 2048 probabilities in bf16, in place of 32 x 32 x 2048 fp32 sums.
  EXPECT_EQ(bytes.manual_attention - bytes.keep_all,
            int64_t{32} * 32 * 2048 * 2048 * 2 - int64_t{32} * 32 * 2048 * 4);
  const ActivationBytes experts = analyse(test::mixtral_8x7b()).sequences.front().activations;
  EXPECT_LT(experts.full, experts.keep_all);
  EXPECT_GT(experts.manual_attention, experts.keep_all);
}

TEST(ModelAnalysis, a_learned_position_table_bounds_the_sequence) {
  EXPECT_THAT(test::message_of<ConfigError>(
                  [] { analyse_model(test::gpt2_124m(), {1025}, Precision::bf16); }),
              HasSubstr("--seq-len is 1025 (the model's position table has 1024 rows)"));
  EXPECT_THROW(analyse_model(test::llama_7b(), {0}, Precision::bf16), ConfigError);
  EXPECT_NO_THROW(analyse_model(test::llama_7b(), {4096}, Precision::bf16));
}

TEST(ModelAnalysis, default_sequence_is_the_models_own_up_to_8192) {
  EXPECT_EQ(default_seq_len(test::gpt2_124m()), 1024);
  EXPECT_EQ(default_seq_len(test::mixtral_8x7b()), 8192);
}

}  // namespace
}  // namespace isoflop
