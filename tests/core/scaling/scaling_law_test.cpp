// SPDX-License-Identifier: MIT
#include "core/scaling/scaling_law.hpp"

#include "core/scaling/law_catalog.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

TEST(ScalingLaw, chinchilla_form_by_hand) {
  ScalingLaw law;
  law.form = ChinchillaForm{.E = 2, .A = 100, .B = 300, .alpha = 0.5, .beta = 1};
  EXPECT_DOUBLE_EQ(loss(law, 1e4, 1e3), 2 + 1 + 0.3);
}

TEST(ScalingLaw, kaplan_form_by_hand) {
  ScalingLaw law;
  law.form = KaplanForm{.N_c = 100, .D_c = 10, .alpha_N = 0.5, .alpha_D = 0.5};
  EXPECT_DOUBLE_EQ(loss(law, 20, 2.5), std::sqrt(5.0 + 4.0));
}

// With only ln E uncertain, the loss is uncertain by E x sd(ln E) alone.
TEST(ScalingLaw, loss_interval_of_one_uncertain_coefficient) {
  ScalingLaw law = LawCatalog::load().find("hoffmann");
  law.covariance = LawCovariance{};
  (*law.covariance)[2][2] = 1e-4;
  const Range interval = loss_interval_95(law, 1e9, 2e10).value();
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * 1.69 * 0.01, 1e-5);
  EXPECT_TRUE(interval.contains(loss(law, 1e9, 2e10)));
}

TEST(ScalingLaw, no_interval_without_covariance) {
  EXPECT_EQ(loss_interval_95(LawCatalog::load().find("hoffmann"), 1e9, 2e10), std::nullopt);
  EXPECT_EQ(loss_interval_95(LawCatalog::load().find("kaplan"), 1e9, 2e10), std::nullopt);
}

}  // namespace
}  // namespace isoflop
