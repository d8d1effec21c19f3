// SPDX-License-Identifier: MIT
#include "report/fit/diagnostics.hpp"

#include "report/fit/fit_samples.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace isoflop::fit {
namespace {

using ::testing::HasSubstr;

TEST(LeaveOneOut, each_fit_is_the_one_of_the_other_runs_alone) {
  std::vector<ScalingPoint> points = gadre_points("c4");
  const SurfaceFit fit = fit_surface(points, {.n_bootstrap = 0});
  const std::vector<LeftOutRun> left_out = leave_one_out(points, fit, {});
  ASSERT_EQ(left_out.size(), 34U);
  for (const std::size_t r : {0, 17, 33}) {
    std::vector<ScalingPoint> others = points;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(r));
    const SurfaceFit alone = fit_surface(others, {.n_bootstrap = 0});
    EXPECT_EQ(left_out[r].run, points[r].run);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(left_out[r].theta[i], alone.theta[i], 1e-6);
    const ScalingPoint& point = points[r];
    const double foretold = std::exp(alone.theta[2]) +
                            std::exp(alone.theta[0] - alone.theta[3] * std::log(point.n_params)) +
                            std::exp(alone.theta[1] - alone.theta[4] * std::log(point.n_tokens));
    EXPECT_NEAR(left_out[r].log_error, std::log(point.loss / foretold), 1e-6);
  }
}

TEST(InfluenceTable, a_run_that_is_wrong_comes_first_with_its_error) {
  std::vector<ScalingPoint> points = synthetic_points(12, 0, 1);
  points[0].loss *= 1.2;
  const SurfaceFit fit = fit_surface(points, {.n_bootstrap = 100});
  const Table table = influence_table(leave_one_out(points, fit, {}), fit);
  ASSERT_EQ(table.rows.size(), 5U);
  EXPECT_EQ(std::get<std::string>(table.rows[0][0]), points[0].run);
  EXPECT_NEAR(std::get<double>(table.rows[0][4]), 20, 0.01);
}

TEST(ExtrapolationCheck, a_law_foretells_its_own_larger_runs) {
  const auto check = extrapolation_check(synthetic_points(90, 0, 1), {});
  const auto& extrapolation = std::get<Extrapolation>(check);
  EXPECT_EQ(extrapolation.n_fitted, 70U);  // 9 budgets of 10; a fifth of 90 is 18: two of them
  EXPECT_EQ(extrapolation.fitted_to, 6e20);
  ASSERT_EQ(extrapolation.budgets.size(), 2U);
  EXPECT_EQ(extrapolation.budgets[1].compute_flops, 3e21);
  EXPECT_EQ(extrapolation.budgets[1].n_point, 10U);
  EXPECT_NEAR(extrapolation.budgets[1].rms_log_error, 0, 1e-6);
}

TEST(ExtrapolationCheck, larger_runs_that_are_worse_than_foretold_show) {
  std::vector<ScalingPoint> points = synthetic_points(90, 0, 1);
  for (ScalingPoint& point : points) {
    if (point.compute_flops > 7e20) point.loss *= 1.03;
  }
  const Table table = extrapolation_table(extrapolation_check(points, {}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_NEAR(std::get<double>(table.rows[1][2]), 3, 0.001);
}

TEST(ExtrapolationCheck, too_few_smaller_runs_are_said) {
  const Table table = extrapolation_table(extrapolation_check(synthetic_points(9, 0, 1), {}));
  EXPECT_TRUE(table.rows.empty());
  EXPECT_THAT(table.notes.at(0),
              HasSubstr("not checked: without the largest budgets there are 7 runs"));
}

}  // namespace
}  // namespace isoflop::fit
