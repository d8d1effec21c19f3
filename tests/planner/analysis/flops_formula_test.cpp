// SPDX-License-Identifier: MIT
#include "planner/analysis/flops_formula.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

#include <string>

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(FlopsFormula, causal_llama_7b_is_13_75_gflop_forward) {
  // 2 x 6,607,077,376 matmul weights = 13.21e9, and 2 x 32 x 4096 x 2048 of causal scores = 0.54e9.
  EXPECT_DOUBLE_EQ(formula_value(FlopsFormula::causal, test::llama_7b(), 2048) / 3,
                   2.0 * 6'607'077'376 + 2.0 * 32 * 4096 * 2048);
}

TEST(FlopsFormula, full_square_counts_scores_twice) {
  const ModelShape shape = test::llama_7b();
  EXPECT_DOUBLE_EQ(formula_value(FlopsFormula::full_square, shape, 2048) -
                       formula_value(FlopsFormula::causal, shape, 2048),
                   6.0 * 32 * 4096 * 2048);
}

TEST(FlopsFormula, academic_gives_27_25_gflop_for_llama_7b) {
  // 32 (8 x 4096^2 + 2 x 32 x 2048 x 4096 + 4 x 4096 x 11008)
  const double value = formula_value(FlopsFormula::academic, test::llama_7b(), 2048);
  EXPECT_NEAR(value / 1e9, 27.25, 0.005);
  EXPECT_NEAR(value * 2048 / 1e12, 55.80, 0.005);
}

TEST(FlopsFormula, academic_in_its_other_reading_gives_23_62_gflop) {
  EXPECT_NEAR(formula_value(FlopsFormula::academic_12h2, test::llama_7b(), 2048) / 1e9, 23.62,
              0.005);
}

TEST(FlopsFormula, standard_transformer_gives_5_30_billion_parameters_for_llama_7b) {
  // 2 x 32000 x 4096 + 32 (4 x 4096^2 + 2 x 4096 x 11008 + 2 x 4096)
  EXPECT_DOUBLE_EQ(formula_value(FlopsFormula::standard_transformer, test::llama_7b(), 2048),
                   5'295'570'944.0);
}

TEST(FlopsFormula, nanogpt_leaves_position_embeddings_out) {
  // 6 x (124,439,808 - 1024 x 768) + 12 x 12 x 768 x 1024
  EXPECT_DOUBLE_EQ(formula_value(FlopsFormula::nanogpt, test::gpt2_124m(), 1024), 855'166'464.0);
}

TEST(FlopsFormula, gpt2_trains_at_0_80_gflop_causal_and_0_86_full) {
  EXPECT_NEAR(formula_value(FlopsFormula::causal, test::gpt2_124m(), 1024) / 1e9, 0.80, 0.005);
  EXPECT_NEAR(formula_value(FlopsFormula::full_square, test::gpt2_124m(), 1024) / 1e9, 0.854,
              0.0005);
}

TEST(FlopsFormula, six_nd_counts_the_experts_that_a_token_visits) {
  EXPECT_DOUBLE_EQ(formula_value(FlopsFormula::six_nd, test::llama_7b(), 2048),
                   6.0 * 6'738'415'616);
  // Mixtral 8x7B: 46,702,792,704 less 6 of 8 experts of 3 x 4096 x 14336 in 32 layers.
  EXPECT_DOUBLE_EQ(formula_value(FlopsFormula::six_nd, test::mixtral_8x7b(), 2048),
                   6.0 * (46'702'792'704.0 - 32.0 * 6 * 3 * 4096 * 14336));
}

TEST(FlopsFormula, dense_formulas_refuse_experts_and_latent_attention) {
  for (const FlopsFormula formula : {FlopsFormula::academic, FlopsFormula::academic_12h2,
                                     FlopsFormula::nanogpt, FlopsFormula::standard_transformer})
    EXPECT_THAT(
        test::message_of<ConfigError>([&] { formula_value(formula, test::mixtral_8x7b(), 2048); }),
        HasSubstr("knows no experts"));
  ModelShape latent = test::deepseek_v3();
  latent.moe.reset();
  EXPECT_THAT(
      test::message_of<ConfigError>([&] { formula_value(FlopsFormula::academic, latent, 2048); }),
      HasSubstr("knows no latent attention"));
}

TEST(FlopsFormula, every_name_reads_back_and_a_misspelt_one_gets_the_nearest) {
  for (const FlopsFormulaRow& row : kFlopsFormulas)
    EXPECT_EQ(parse_flops_formula(row.name), row.value);
  EXPECT_THAT(test::message_of<ConfigError>([] { parse_flops_formula("academics"); }),
              HasSubstr("did you mean 'academic'?"));
}

}  // namespace
}  // namespace isoflop
