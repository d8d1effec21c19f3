// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_design.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::Pair;

double twenty_tokens_each(double compute) { return std::sqrt(compute / 120); }

TEST(SweepDesign, isoflop_budgets_are_1_4_16_and_sizes_lie_around_the_optimum) {
  const auto points = design_points({}, 16e18, twenty_tokens_each);
  ASSERT_EQ(points.size(), 15U);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double compute = 1e18 * std::pow(4, i / 5);
    EXPECT_EQ(points[i].budget, static_cast<int>(i / 5));
    EXPECT_NEAR(points[i].compute / compute, 1, 1e-12);
    EXPECT_NEAR(6 * points[i].n_params * points[i].n_tokens / compute, 1, 1e-12);
    const double relative = std::pow(2, static_cast<double>(i % 5) - 2);
    EXPECT_NEAR(points[i].n_params / (twenty_tokens_each(compute) * relative), 1, 1e-12);
  }
}

TEST(SweepDesign, parametric_tokens_lie_around_the_optimum_of_one_size) {
  SweepSpec spec;
  spec.approach = SweepApproach::parametric;
  spec.n_sizes = 3;
  const auto points = design_points(spec, 16e18, twenty_tokens_each);
  ASSERT_EQ(points.size(), 9U);
  EXPECT_DOUBLE_EQ(points[6].n_params, points[8].n_params);
  EXPECT_NEAR(points[7].n_tokens / points[7].n_params, 20, 1e-9);
  EXPECT_NEAR(points[8].n_tokens / points[7].n_tokens, 2, 1e-12);
  EXPECT_TRUE(points[8].fixed_tokens);
}

TEST(SweepDesign, a_grid_has_every_size_with_every_number_of_tokens) {
  SweepSpec spec;
  spec.approach = SweepApproach::grid;
  spec.n_sizes = 2;
  const auto points = design_points(spec, 16e18, twenty_tokens_each);
  ASSERT_EQ(points.size(), 6U);
  // C 16 times: N and D 4 times each.
  EXPECT_NEAR(points[4].n_params / points[0].n_params, 4, 1e-9);
  EXPECT_NEAR(points[1].n_tokens / points[0].n_tokens, 4, 1e-9);
  EXPECT_NEAR(points[5].n_tokens / points[1].n_tokens, 1, 1e-12);
}

TEST(SweepDesign, an_ablation_has_every_combination_at_one_size) {
  SweepSpec spec;
  spec.vary = {{"a", {"1", "2"}}, {"b", {"x", "y", "z"}}};
  const auto points = design_points(spec, 1e18, twenty_tokens_each);
  ASSERT_EQ(points.size(), 6U);
  EXPECT_THAT(points[0].settings, ElementsAre(Pair("a", "1"), Pair("b", "x")));
  EXPECT_THAT(points[5].settings, ElementsAre(Pair("a", "2"), Pair("b", "z")));
  EXPECT_EQ(points[0].n_params, points[5].n_params);
}

}  // namespace
}  // namespace isoflop
