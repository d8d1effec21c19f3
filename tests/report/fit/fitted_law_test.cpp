// SPDX-License-Identifier: MIT
#include "report/fit/fitted_law.hpp"

#include "core/scaling/optimum.hpp"
#include "report/fit/fit_samples.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace isoflop::fit {
namespace {

ScalingLaw law_of(const std::vector<ScalingPoint>& points, std::size_t n_bootstrap) {
  const SurfaceFit fit = fit_surface(points, {.n_bootstrap = n_bootstrap});
  FitOptions options;
  options.tokenizer = "gpt2";
  options.vocab_size = 50257;
  ScalingData data;
  data.points = points;
  return fitted_law(fit, data, options);
}

TEST(FittedLaw, ranges_are_those_of_the_runs_and_a_decade_around_their_compute) {
  const ScalingLaw law = law_of(synthetic_points(60, 0.01, 2), 200);
  EXPECT_EQ(law.fitted_compute_flops.low, 6e18);
  EXPECT_EQ(law.fitted_compute_flops.high, 3e21);
  EXPECT_EQ(law.usable_compute_flops.low, 6e17);
  EXPECT_EQ(law.usable_compute_flops.high, 3e22);
  EXPECT_EQ(law.tokenizer.name, "gpt2");
  EXPECT_EQ(law.optimal_params_95.front().compute_flops, 1e18);
  EXPECT_EQ(law.optimal_params_95.back().compute_flops, 1e23);
}

// coverage_test.cpp counts how often the truth lies in the interval; here it may be as far away as
// three standard deviations.
TEST(FittedLaw, intervals_within_the_range_of_the_runs_are_near_the_truth_and_narrow) {
  const ScalingLaw law = law_of(synthetic_points(240, 0.01, 2), 400);
  ScalingLaw truth;
  truth.form = kTruth;
  for (const double compute : {1e19, 1e20, 1e21}) {
    const Range interval = optimal_params_interval_95(law, compute).value();
    EXPECT_TRUE(interval.contains(optimum(law, compute).n_params)) << compute;
    const double half_width = std::log(interval.high / interval.low) / 2;
    EXPECT_LT(half_width, 0.25);
    EXPECT_NEAR(std::log(optimum(law, compute).n_params / optimum(truth, compute).n_params), 0,
                1.5 * half_width);
    const Optimum best = optimum(truth, compute);
    const Range loss = loss_interval_95(law, best.n_params, best.n_tokens).value();
    EXPECT_NEAR((loss.low + loss.high) / 2, best.loss, 0.02);
    EXPECT_LT(loss.high - loss.low, 0.04);
  }
}

// The planner's own optimum of the law agrees with log_optimal_params.
TEST(FittedLaw, kaplans_form_has_no_covariance_and_the_same_optimum) {
  const std::vector<ScalingPoint> points = gadre_points("c4");
  const SurfaceFit fit = fit_surface(points, {.form = Form::kaplan, .n_bootstrap = 20});
  ScalingData data;
  data.points = points;
  const ScalingLaw law = fitted_law(fit, data, {});
  EXPECT_FALSE(law.covariance.has_value());
  EXPECT_TRUE(law.optimal_params_95.empty());
  EXPECT_NEAR(std::log(optimum(law, 1e20).n_params),
              log_optimal_params(Form::kaplan, fit.theta, 1e20), 1e-9);
  EXPECT_NEAR(optimum(law, 1e21).n_params / optimum(law, 1e20).n_params,
              std::pow(10, params_exponent(Form::kaplan, fit.theta)), 1e-9);
}

TEST(FittedLaw, without_a_bootstrap_there_are_no_intervals) {
  const ScalingLaw law = law_of(synthetic_points(60, 0.01, 2), 0);
  EXPECT_FALSE(law.covariance.has_value());
  EXPECT_TRUE(law.optimal_params_95.empty());
}

// At 1 / (alpha + beta) = 100 the powers of the closed form leave the range of a double.
TEST(FittedLaw, budgets_whose_interval_no_double_holds_are_left_out) {
  SurfaceFit fit;
  fit.resamples.assign(10, {6, 8, 0.6, 0.005, 0.005});
  fit.resamples.push_back({6, -20, 0.6, 0.005, 0.005});
  EXPECT_TRUE(optimal_params_95(fit, std::vector<double>{1e20}).empty());
  fit.resamples.assign(10, {6, 7.6, 0.6, 0.35, 0.36});
  EXPECT_EQ(optimal_params_95(fit, std::vector<double>{1e20}).size(), 1U);
}

}  // namespace
}  // namespace isoflop::fit
