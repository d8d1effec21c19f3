// SPDX-License-Identifier: MIT
#include "report/fit/reliability.hpp"

#include "report/fit/fit_samples.hpp"

#include <gmock/gmock.h>

namespace isoflop::fit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(Reliability, a_real_sweep_has_no_problem) {
  EXPECT_THAT(problems_of_data(gadre_points("c4")), IsEmpty());
}

TEST(Reliability, seven_runs_are_too_few_however_many_rows_they_have) {
  std::vector<ScalingPoint> points = synthetic_points(70, 0, 1);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].run = std::to_string(i % 7);
  EXPECT_THAT(problems_of_data(points), ElementsAre("7 runs (at least 8 are needed)"));
  points[0].run = "another";
  EXPECT_THAT(problems_of_data(points), IsEmpty());
}

TEST(Reliability, a_factor_of_nine_in_compute_is_too_narrow) {
  std::vector<ScalingPoint> points = synthetic_points(20, 0, 1);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].compute_flops = i == 0 ? 9e18 : 1e18;
  EXPECT_THAT(problems_of_data(points), ElementsAre(StartsWith("compute spans a factor of 9.0, ")));
  points[0].compute_flops = 1e19;
  EXPECT_THAT(problems_of_data(points), IsEmpty());
}

TEST(Reliability, two_sizes_do_not_show_a_power_law) {
  std::vector<ScalingPoint> points = synthetic_points(20, 0, 1);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].n_params = i % 2 == 0 ? 1e8 : 2e8;
  EXPECT_THAT(problems_of_data(points), ElementsAre("2 different N (at least 3 are needed)"));
  for (ScalingPoint& point : points) point.n_tokens = 1e9;
  EXPECT_EQ(problems_of_data(points).size(), 2U);
}

TEST(Reliability, what_kept_the_minimum_is_named) {
  SurfaceFit fit;
  fit.converged = true;
  fit.resamples.resize(1000);
  fit.n_unconverged_resamples = 10;
  fit.n_resamples_at_bound = 25;
  EXPECT_THAT(problems_of_fit(fit), IsEmpty());
  fit.n_unconverged_resamples = 11;
  fit.n_resamples_at_bound = 26;
  EXPECT_THAT(problems_of_fit(fit), ElementsAre("1.1 % of the resamples have not converged",
                                                "2.6 % of the resamples end at a bound"));
  fit.resamples.clear();
  fit.n_unconverged_resamples = fit.n_resamples_at_bound = 0;
  fit.converged = false;
  fit.relative_gradient = 0.25;
  fit.at_bound = true;
  EXPECT_THAT(problems_of_fit(fit),
              ElementsAre("not converged: relative gradient 2.5e-01", StartsWith("at a bound: ")));
}

}  // namespace
}  // namespace isoflop::fit
