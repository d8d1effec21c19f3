// SPDX-License-Identifier: MIT
#include "core/scaling/allocation_rule.hpp"

#include "core/base/error.hpp"
#include "core/scaling/law_catalog.hpp"
#include "core/scaling/law_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

using testing::HasSubstr;

const AllocationRule& rule(const std::string& name) {
  static const LawCatalog catalog = LawCatalog::load();
  return *catalog.find_rule(name);
}

TEST(AllocationRule, the_budget_is_spent) {
  for (const char* name : {"kaplan-c-min", "kaplan-gpt3", "llama3", "deepseek"}) {
    const BudgetSplit split = split_budget(rule(name), 1e22);
    EXPECT_NEAR(6 * split.n_params * split.n_tokens / 1e22, 1, 1e-12) << name;
  }
}

// Kaplan et al. state 1.3e9 (C_min / PF-day)^0.73; older tools go through GPT-3 instead.
TEST(AllocationRule, two_other_readings_of_kaplan_at_1e23) {
  EXPECT_NEAR(split_budget(rule("kaplan-c-min"), 1e23).n_params, 224e9, 0.5e9);
  EXPECT_NEAR(split_budget(rule("kaplan-gpt3"), 1e23).n_params, 75.91e9, 0.005e9);
}

// The paper's 16.55e12 tokens do not follow from its two digits, which the caution says.
TEST(AllocationRule, llama3_at_its_own_budget) {
  EXPECT_NEAR(split_budget(rule("llama3"), 3.8e25).n_tokens, 10.5e12, 0.05e12);
  EXPECT_THAT(rule("llama3").caution.value(), HasSubstr("16.55e12"));
}

// M D = C in the paper, so that N = M / 6 follows from D.
TEST(AllocationRule, deepseek_params_are_a_sixth_of_its_model_scale) {
  const double model_scale = 0.1715 * std::pow(1e20, 0.5243);
  EXPECT_NEAR(split_budget(rule("deepseek"), 1e20).n_params / (model_scale / 6), 1, 1e-3);
}

// 0.2920 C^0.3271 and 0.3118 C^-0.1250 at C = 1e20: 0.2920 x 10^6.542 and 0.3118 x 10^-2.5.
TEST(AllocationRule, deepseek_batch_and_learning_rate) {
  EXPECT_NEAR(rule("deepseek").batch_tokens->at(1e20), 1.0171e6, 1e3);
  EXPECT_NEAR(rule("deepseek").learning_rate->at(1e20), 9.860e-4, 1e-7);
  EXPECT_EQ(rule("llama3").batch_tokens, std::nullopt);
}

std::string error_of(const std::string& keys) {
  const ConfigNode node = ConfigNode::parse(
      keys + "counted_params: total\nfitted_compute_flops: [1e+18, 1e+20]\nsource: x\n",
      "law.yaml");
  try {
    read_allocation_rule("mine", node);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(AllocationRule, exactly_one_of_params_and_tokens) {
  EXPECT_EQ(error_of("params: {coefficient: 1, exponent: 0.5}\n"), "");
  EXPECT_THAT(error_of("params: {coefficient: 1, exponent: 0.5}\n"
                       "tokens: {coefficient: 1, exponent: 0.5}\n"),
              HasSubstr("params is given too"));
  EXPECT_THAT(error_of(""), HasSubstr("tokens"));
  EXPECT_THAT(error_of("params: {coefficient: -1, exponent: 0.5}\n"),
              HasSubstr("must be above zero"));
}

TEST(AllocationRule, is_no_law) {
  try {
    load_law("llama3");
    FAIL() << "no ConfigError was thrown";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'llama3' splits a compute budget and has no loss"));
  }
}

}  // namespace
}  // namespace isoflop
