// SPDX-License-Identifier: MIT
#include "core/scaling/inverse.hpp"

#include "core/scaling/law_catalog.hpp"
#include "core/scaling/optimum.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

class Inverse : public testing::TestWithParam<const char*> {
 protected:
  const ScalingLaw law = LawCatalog::load().find(GetParam());
};

TEST_P(Inverse, least_compute_for_a_loss_gives_that_loss_back) {
  for (const double compute : {1e19, 1e21, 1e23}) {
    const Optimum best = optimum(law, compute);
    const RunSize run = run_for_loss(law, best.loss).value();
    EXPECT_NEAR(run.compute_flops() / compute, 1, 1e-9);
    EXPECT_NEAR(run.n_params / best.n_params, 1, 1e-9);
  }
}

TEST_P(Inverse, tokens_and_params_for_a_loss_invert_the_surface) {
  const double reached = loss(law, 3e9, 50e9);
  EXPECT_NEAR(tokens_for_loss(law, 3e9, reached).value() / 50e9, 1, 1e-9);
  EXPECT_NEAR(params_for_loss(law, 50e9, reached).value() / 3e9, 1, 1e-9);
}

TEST_P(Inverse, no_data_make_a_small_model_good) {
  const double at_infinity = loss(law, 1e8, 1e60);
  EXPECT_EQ(tokens_for_loss(law, 1e8, at_infinity * 0.99), std::nullopt);
  EXPECT_TRUE(tokens_for_loss(law, 1e8, at_infinity * 1.01).has_value());
  EXPECT_EQ(params_for_loss(law, 1e8, loss(law, 1e60, 1e8) * 0.99), std::nullopt);
}

TEST_P(Inverse, best_partner_of_n_and_of_d_is_the_optimum) {
  const Optimum best = optimum(law, 1e22);
  EXPECT_NEAR(best_params_for_tokens(law, best.n_tokens) / best.n_params, 1, 1e-9);
  EXPECT_NEAR(best_tokens_for_params(law, best.n_params) / best.n_tokens, 1, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(laws, Inverse, testing::Values("besiroglu", "hoffmann", "kaplan"),
                         [](const auto& law_name) { return std::string(law_name.param); });

TEST(InverseLimits, no_run_gets_below_the_irreducible_loss) {
  const ScalingLaw law = LawCatalog::load().find("besiroglu");
  EXPECT_EQ(irreducible_loss(law), 1.8172);
  EXPECT_EQ(run_for_loss(law, 1.8172), std::nullopt);
  EXPECT_EQ(run_for_loss(law, 1.5), std::nullopt);
  EXPECT_EQ(tokens_for_loss(law, 1e9, 1.5), std::nullopt);
  EXPECT_TRUE(run_for_loss(law, 1.9).has_value());
  EXPECT_EQ(irreducible_loss(LawCatalog::load().find("kaplan")), 0);
}

// E = 1, A = B = 100, alpha = beta = 0.5: at a loss of 1.2 both terms are 0.1, N = D = 1e6.
TEST(InverseLimits, by_hand) {
  ScalingLaw law;
  law.form = ChinchillaForm{.E = 1, .A = 100, .B = 100, .alpha = 0.5, .beta = 0.5};
  const RunSize run = run_for_loss(law, 1.2).value();
  EXPECT_NEAR(run.n_params, 1e6, 1e-3);
  EXPECT_NEAR(run.n_tokens, 1e6, 1e-3);
  EXPECT_NEAR(best_tokens_for_params(law, 5e6), 5e6, 1e-2);
}

}  // namespace
}  // namespace isoflop
