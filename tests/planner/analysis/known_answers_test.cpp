// SPDX-License-Identifier: MIT
#include "planner/analysis/known_answers.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

Validation read(const std::string& text) { return validate(ConfigNode::parse(text, "known.yaml")); }

std::string error_of(const std::string& text) {
  return test::message_of<ConfigError>([&] { read(text); });
}

std::string epochs(const std::string& rest) {
  return "answers: [{what: x, quantity: epochs_worth, epochs: 4, source: y, " + rest + "}]\n";
}

TEST(KnownAnswers, the_file_of_this_program_is_reproduced) {
  const Validation validation = validate(ConfigNode::load(data_dir() / "known_answers.yaml"));
  EXPECT_GE(validation.answers.size(), 36u);
  EXPECT_GE(validation.wrong_figures.size(), 14u);
  for (const KnownAnswer& answer : validation.answers)
    EXPECT_TRUE(answer.passes()) << answer.what << ": " << answer.computed;
  for (const WrongFigure& figure : validation.wrong_figures)
    EXPECT_TRUE(figure.passes()) << figure.what;
}

TEST(KnownAnswers, a_difference_beyond_the_last_digit_fails) {
  EXPECT_EQ(read(epochs("expected: 3.73, within: 0.005")).failures(), 0);
  EXPECT_EQ(read(epochs("expected: 3.74, within: 0.005")).failures(), 1);
  EXPECT_EQ(read(epochs("expected: 3.73")).failures(), 1);  // exact unless said otherwise
}

TEST(KnownAnswers, a_wrong_verdict_fails) {
  const auto gpt3 = [](const std::string& verdict) {
    return read(
        "answers: [{what: x, quantity: params_over_optimum, law: besiroglu, n_params: 175e+9, "
        "n_tokens: 300e+9, expected: 3.3, within: 0.005, source: y, verdict: " +
        verdict + "}]\n");
  };
  EXPECT_EQ(gpt3("over-parameterised").failures(), 0);
  EXPECT_EQ(gpt3("near-optimal").failures(), 1);
}

TEST(KnownAnswers, a_wrong_figure_that_is_right_fails) {
  const auto claimed = [](const std::string& figure) {
    return read(
        "answers: []\nwrong_figures: [{what: x, quantity: peak_dense_tflops, gpu: H100, "
        "precision: bf16, why: y, within: 1, claimed: " +
        figure + "}]\n");
  };
  EXPECT_EQ(claimed("1979").failures(), 0);
  EXPECT_EQ(claimed("989.4").failures(), 1);
  EXPECT_THAT(describe_validation(claimed("989.4")), HasSubstr("1 checked, 1 fail"));
}

TEST(KnownAnswers, entries_that_cannot_be_computed_are_refused) {
  EXPECT_THAT(error_of("answers: [{what: x, quantity: parms, expected: 1, source: y}]\n"),
              HasSubstr("must be one of params, active_params"));
  EXPECT_THAT(
      error_of(
          "models: {mine: {n_layer: 1, d_model: 64, n_head: 1, vocab_size: 256, max_seq_len: 8}}\n"
          "answers: [{what: x, quantity: params, model: mone, expected: 1, "
          "source: y}]\n"),
      HasSubstr("did you mean 'mine'?"));
  EXPECT_THAT(error_of(epochs("expected: 3.73, epoch: 4")), HasSubstr("did you mean 'epochs'?"));
  EXPECT_THAT(error_of(epochs("expected: 3.73, within: -1")), HasSubstr("must not be negative"));
  EXPECT_THAT(error_of("answers: [{what: x, quantity: best_params_low, law: hoffmann, "
                       "compute_flops: 1e+21, expected: 1, source: y}]\n"),
              HasSubstr("has no covariance"));
  EXPECT_THAT(error_of("answers: []\nwrong_figures: [{what: x, claimed: 1, why: y}]\n"),
              HasSubstr("right"));
}

}  // namespace
}  // namespace isoflop
