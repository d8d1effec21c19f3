// SPDX-License-Identifier: MIT
#include "planner/analysis/mfu_analysis.hpp"

#include "core/base/error.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

#include <limits>

namespace isoflop {
namespace {

using testing::HasSubstr;

/// LLaMA 7B on 8 x A100, 2048 tokens a sequence.
class MfuAnalysisTest : public testing::Test {
 protected:
  MfuAnalysis analyse(std::optional<double> tokens_per_s,
                      std::optional<FlopsFormula> formula = std::nullopt) const {
    return analyse_mfu({.shape = shape_,
                        .seq_len = 2048,
                        .gpu = gpu_,
                        .n_gpu = 8,
                        .precision = Precision::bf16,
                        .tokens_per_s = tokens_per_s,
                        .formula = formula});
  }

  const ModelShape shape_ = test::llama_7b();
  const DeviceSpec gpu_ = test::catalog().find("A100-SXM4-80GB").spec;
};

TEST_F(MfuAnalysisTest, llama_7b_at_45_000_tokens_a_second_on_8_a100_is_74_4_percent) {
  // 5,625 tokens/s a GPU x 41.25 GFLOP (42.86 full square) / 312 TFLOP/s.
  const MfuOfThroughput result = analyse(45'000).throughput.value();
  EXPECT_NEAR(result.causal, 0.744, 0.0005);
  EXPECT_NEAR(result.full_square, 0.773, 0.0005);
  EXPECT_NEAR(result.tflops_per_gpu, 232.0, 0.1);
  EXPECT_EQ(result.doubt, MfuDoubt::none);
}

TEST_F(MfuAnalysisTest, the_academic_formula_makes_49_1_percent_of_it) {
  const MfuOfThroughput result = analyse(45'000, FlopsFormula::academic).throughput.value();
  EXPECT_NEAR(result.by_formula.value(), 0.491, 0.0005);
}

TEST_F(MfuAnalysisTest, more_than_the_best_product_or_the_peak_is_impossible) {
  // 271.2 TFLOP/s a GPU are 52,593 tokens/s of all; 312 are 60,505.
  EXPECT_EQ(analyse(52'500).throughput->doubt, MfuDoubt::none);
  EXPECT_EQ(analyse(52'700).throughput->doubt, MfuDoubt::above_measured);
  EXPECT_EQ(analyse(60'400).throughput->doubt, MfuDoubt::above_measured);
  EXPECT_EQ(analyse(60'600).throughput->doubt, MfuDoubt::above_peak);
}

TEST_F(MfuAnalysisTest, a_band_s_throughput_gives_its_mfu_back) {
  const double speed = analyse({}).tokens_per_s(0.35, 8);
  EXPECT_NEAR(analyse(speed).throughput->causal, 0.35, 1e-12);
}

TEST(MfuBand, edges_belong_to_the_band_that_names_them) {
  EXPECT_EQ(mfu_band(0.4501).name, "excellent");
  EXPECT_EQ(mfu_band(0.45).name, "good");
  EXPECT_EQ(mfu_band(0.35).name, "good");
  EXPECT_EQ(mfu_band(0.3499).name, "acceptable");
  EXPECT_EQ(mfu_band(0.25).name, "acceptable");
  EXPECT_EQ(mfu_band(0.2499).name, "poor");
}

TEST_F(MfuAnalysisTest, wrong_requests_name_the_option) {
  EXPECT_THAT(test::message_of<ConfigError>([&] { analyse(0); }),
              HasSubstr("--tokens-per-second is 0"));
  EXPECT_THROW(analyse(std::numeric_limits<double>::infinity()), ConfigError);
  EXPECT_THAT(
      test::message_of<ConfigError>([&] { analyse(1, FlopsFormula::standard_transformer); }),
      HasSubstr("counts parameters, not FLOPs"));
  EXPECT_THAT(test::message_of<ConfigError>([&] {
                analyse_mfu({.shape = shape_, .seq_len = 2048, .gpu = gpu_, .n_gpu = 0});
              }),
              HasSubstr("--gpus is 0"));
  EXPECT_THAT(
      test::message_of<ConfigError>([&] {
        analyse_mfu({.shape = shape_, .seq_len = 2048, .gpu = gpu_, .precision = Precision::fp8});
      }),
      HasSubstr("has no fp8"));
}

}  // namespace
}  // namespace isoflop
