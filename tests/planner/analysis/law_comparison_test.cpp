// SPDX-License-Identifier: MIT
#include "planner/analysis/law_comparison.hpp"

#include "core/base/error.hpp"
#include "core/scaling/law_catalog.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const LawCatalog& catalog() {
  static const LawCatalog loaded = LawCatalog::load();
  return loaded;
}

RunConstraints of_compute(double flops) {
  return {.compute_flops = flops, .n_params = {}, .n_tokens = {}, .loss = {}};
}

RunConstraints of_run(double n_params, double n_tokens) {
  return {.compute_flops = {}, .n_params = n_params, .n_tokens = n_tokens, .loss = {}};
}

std::optional<LawAnswer> ask(const std::string& law, const RunConstraints& constraints) {
  return ask_law(catalog().find(law), constraints, catalog().default_law());
}

TEST(LawComparison, the_questions) {
  EXPECT_EQ(question_of(of_compute(1)), Question::best_run);
  EXPECT_EQ(question_of({.compute_flops = {}, .n_params = {}, .n_tokens = {}, .loss = 2.0}),
            Question::best_run);
  EXPECT_EQ(question_of(of_run(1, 1)), Question::given_run);
  EXPECT_EQ(question_of({.compute_flops = {}, .n_params = 1.0, .n_tokens = {}, .loss = 2.0}),
            Question::partner_of_one);
}

TEST(LawComparison, too_few_or_too_many_constraints_are_refused) {
  const auto message = [](const RunConstraints& constraints) {
    return test::message_of<ConfigError>([&] { question_of(constraints); });
  };
  EXPECT_THAT(message({}), HasSubstr("nothing to answer"));
  EXPECT_THAT(message({.compute_flops = 1, .n_params = 1, .n_tokens = 1, .loss = {}}),
              HasSubstr("leave one out"));
  EXPECT_THAT(message({.compute_flops = 1, .n_params = {}, .n_tokens = {}, .loss = 2}),
              HasSubstr("--loss goes alone"));
  EXPECT_THAT(message({.compute_flops = {}, .n_params = 1, .n_tokens = 1, .loss = 2}),
              HasSubstr("--loss goes alone"));
}

// Hoffmann's rounded law wastes 15.9 % of 1e23 FLOPs on Besiroglu's surface.
TEST(LawComparison, waste_is_on_the_reference_surface) {
  EXPECT_NEAR(ask("hoffmann", of_compute(1e23))->wasted_compute.value(), 0.159, 5e-4);
  EXPECT_NEAR(ask("besiroglu", of_compute(1e23))->wasted_compute.value(), 0, 1e-9);
}

TEST(LawComparison, any_two_of_compute_params_and_tokens_make_the_run) {
  const LawAnswer by_n = *ask("besiroglu", of_run(7e9, 1e12));
  const LawAnswer by_c =
      *ask("besiroglu", {.compute_flops = 4.2e22, .n_params = 7e9, .n_tokens = {}, .loss = {}});
  const LawAnswer by_d =
      *ask("besiroglu", {.compute_flops = 4.2e22, .n_params = {}, .n_tokens = 1e12, .loss = {}});
  for (const LawAnswer& answer : {by_n, by_c, by_d}) {
    EXPECT_NEAR(answer.run.n_params / 7e9, 1, 1e-12);
    EXPECT_NEAR(answer.run.n_tokens / 1e12, 1, 1e-12);
    EXPECT_NEAR(answer.run.n_params / answer.best_params.value(), 0.370, 0.001);
  }
}

// N_opt of Besiroglu at 1e23 is 29.45e9, D 566.0e9: each asked for by the other.
TEST(LawComparison, one_of_n_and_d_gives_the_best_other) {
  const LawAnswer by_n =
      *ask("besiroglu", {.compute_flops = {}, .n_params = 29.45e9, .n_tokens = {}, .loss = {}});
  EXPECT_NEAR(by_n.run.n_tokens / 566e9, 1, 1e-3);
  const LawAnswer by_d =
      *ask("besiroglu", {.compute_flops = {}, .n_params = {}, .n_tokens = 566e9, .loss = {}});
  EXPECT_NEAR(by_d.run.n_params / 29.45e9, 1, 1e-3);
}

TEST(LawComparison, losses_out_of_reach_have_a_reason) {
  const RunConstraints below = {.compute_flops = {}, .n_params = {}, .n_tokens = {}, .loss = 1.5};
  EXPECT_EQ(ask("besiroglu", below), std::nullopt);
  EXPECT_EQ(why_unreachable(catalog().default_law(), below),
            "no run gets to a loss of 1.5: Besiroglu et al. 2024 has an irreducible 1.817");
  const RunConstraints small = {.compute_flops = {}, .n_params = 1e8, .n_tokens = {}, .loss = 2.0};
  EXPECT_EQ(ask("besiroglu", small), std::nullopt);
  EXPECT_THAT(why_unreachable(catalog().default_law(), small),
              HasSubstr("100 M parameters stay above a loss of 2 on any number of tokens"));
}

TEST(LawComparison, warnings_outside_the_fitted_and_the_usable_range) {
  EXPECT_THAT(ask("besiroglu", of_compute(1e21))->warnings, IsEmpty());
  EXPECT_THAT(ask("besiroglu", of_compute(1e23))->warnings,
              ElementsAre(HasSubstr("outside the 1.40e18 to 1.30e22")));
  EXPECT_THAT(ask("besiroglu", of_compute(1e25))->warnings,
              ElementsAre(HasSubstr("nobody has checked it there")));
}

TEST(LawComparison, rules_answer_compute_only) {
  const AllocationRule& llama3 = *catalog().find_rule("llama3");
  const LawAnswer answer = *ask_rule(llama3, of_compute(3.8e25), catalog().default_law());
  EXPECT_EQ(answer.loss, std::nullopt);
  EXPECT_THAT(answer.warnings, ElementsAre(HasSubstr("was fitted to"), HasSubstr("16.55e12")));
  EXPECT_EQ(ask_rule(llama3, of_run(1e9, 1e10), catalog().default_law()), std::nullopt);
}

}  // namespace
}  // namespace isoflop
