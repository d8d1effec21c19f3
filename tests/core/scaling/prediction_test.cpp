// SPDX-License-Identifier: MIT
#include "core/scaling/prediction.hpp"

#include "core/scaling/law_catalog.hpp"
#include "core/scaling/optimum.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const ScalingLaw& besiroglu() {
  static const LawCatalog catalog = LawCatalog::load();
  return catalog.default_law();
}

/// 1e9 parameters on 20e9 tokens: C = 1.2e20, inside every fitted range.
TrainingPoint one_billion() {
  return {.n_params = 1e9,
          .n_params_non_embedding = 0.9e9,
          .n_tokens = 20e9,
          .effective_tokens = std::nullopt,
          .tokenizer = besiroglu().tokenizer.name,
          .vocab_size = 32000};
}

LossPrediction predicted(const TrainingPoint& point) {
  return std::get<LossPrediction>(predict_loss(besiroglu(), point));
}

std::string refused(const TrainingPoint& point) {
  return std::get<NoPrediction>(predict_loss(besiroglu(), point)).reason;
}

TEST(Prediction, inside_all_ranges_without_warning) {
  const LossPrediction prediction = predicted(one_billion());
  EXPECT_DOUBLE_EQ(prediction.loss, loss(besiroglu(), 1e9, 20e9));
  EXPECT_TRUE(prediction.interval_95->contains(prediction.loss));
  EXPECT_THAT(prediction.warnings, IsEmpty());
}

TEST(Prediction, other_subword_tokenizers_are_comparable_with_a_warning) {
  TrainingPoint point = one_billion();
  point.tokenizer = "gpt2";
  point.vocab_size = 50257;
  EXPECT_THAT(predicted(point).warnings,
              ElementsAre(HasSubstr("compare runs, not absolute losses")));
  point.vocab_size = 1000;
  EXPECT_THAT(refused(point), HasSubstr("says nothing about 'gpt2' (1000)"));
}

TEST(Prediction, bytes_are_refused) {
  TrainingPoint point = one_billion();
  point.tokenizer = "bytes";
  point.vocab_size = 256;
  EXPECT_THAT(refused(point), HasSubstr("says nothing about 'bytes'"));
  point.vocab_size = 50304;  // padded: still bytes
  EXPECT_THAT(refused(point), HasSubstr("says nothing about 'bytes'"));
}

TEST(Prediction, a_fit_to_bytes_predicts_bytes) {
  ScalingLaw own = besiroglu();
  own.tokenizer = {.name = "bytes", .vocab_size = 256, .comparable_vocab_size = std::nullopt};
  TrainingPoint point = one_billion();
  EXPECT_TRUE(std::holds_alternative<NoPrediction>(predict_loss(own, point)));
  point.tokenizer = "bytes";
  EXPECT_TRUE(std::holds_alternative<LossPrediction>(predict_loss(own, point)));
}

// 72 hours on 128 H100 at 40 % MFU: 1.3e22.
TEST(Prediction, three_days_of_128_h100_are_predicted) {
  const Optimum best = optimum(besiroglu(), 1.5e22);
  TrainingPoint point = one_billion();
  point.n_params = best.n_params;
  point.n_tokens = best.n_tokens;
  EXPECT_THAT(
      predicted(point).warnings,
      ElementsAre(
          "compute = 1.50e22 is outside the 1.40e18 to 1.30e22 that besiroglu was fitted to"));
}

TEST(Prediction, compute_far_beyond_the_runs_is_refused) {
  TrainingPoint point = one_billion();
  point.n_params = 405e9;
  point.n_tokens = 15.6e12;
  EXPECT_EQ(refused(point),
            "compute = 3.79e25 is outside the 1.40e18 to 1.30e22 that besiroglu was fitted to, and "
            "beyond "
            "its usable 1.40e17 to 6.00e23 FLOPs");
  point.n_params = 1e6;
  point.n_tokens = 1e9;
  EXPECT_THAT(refused(point), HasSubstr("compute = 6.00e15"));
}

TEST(Prediction, params_and_tokens_outside_the_runs_are_warned_of) {
  TrainingPoint point = one_billion();
  point.n_params = 20e9;
  point.n_tokens = 0.5e9;
  EXPECT_THAT(predicted(point).warnings,
              ElementsAre(HasSubstr("N = 2.00e10"), HasSubstr("D = 5.00e8")));
}

TEST(Prediction, repeated_tokens_count_by_their_worth) {
  TrainingPoint point = one_billion();
  point.effective_tokens = 10e9;
  EXPECT_DOUBLE_EQ(predicted(point).loss, loss(besiroglu(), 1e9, 10e9));
}

TEST(Prediction, kaplan_counts_parameters_without_embeddings) {
  TrainingPoint point = one_billion();
  EXPECT_EQ(counted_params(LawCatalog::load().find("kaplan"), point), 0.9e9);
  EXPECT_EQ(counted_params(besiroglu(), point), 1e9);
}

TEST(Prediction, fitted_range) {
  EXPECT_TRUE(in_fitted_range(besiroglu(), 1e20));
  EXPECT_FALSE(in_fitted_range(besiroglu(), 1e23));
  EXPECT_EQ(outside_fitted_range(besiroglu(), 1e20), std::nullopt);
}

}  // namespace
}  // namespace isoflop
