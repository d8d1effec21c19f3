// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_precision.hpp"

#include "core/scaling/law_catalog.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace isoflop {
namespace {

/// N and D count alike: the best N is sqrt(C / 6), and an isoFLOP profile is symmetric in ln N.
ScalingLaw symmetric_law() {
  ScalingLaw law;
  law.form = ChinchillaForm{.E = 2, .A = 400, .B = 400, .alpha = 0.3, .beta = 0.3};
  return law;
}

std::vector<FittedRun> profile(double compute, double spacing, int budget) {
  std::vector<FittedRun> runs;
  for (const double x : {-spacing, 0.0, spacing}) {
    const double n_params = std::sqrt(compute / 6) * std::exp(x);
    runs.push_back({budget, n_params, compute / (6 * n_params)});
  }
  return runs;
}

std::vector<FittedRun> joined(std::vector<FittedRun> a, const std::vector<FittedRun>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Through three points at -d, 0, d the parabola is exact: c2 = (L(d) - L(0)) / d^2, its lowest
// point has the variance 1 / (8 c2^2 d^2), and the slope between two points that of both over the
// distance squared.
TEST(SweepPrecision, of_two_symmetric_profiles_is_that_of_two_points) {
  constexpr double kSpacing = 0.7;
  double variance = 0;
  for (const double compute : {1e18, 1e20}) {
    const double each = 400 * std::pow(compute / 6, -0.15);
    const double curvature = 2 * each * (std::cosh(0.3 * kSpacing) - 1) / (kSpacing * kSpacing);
    variance += 1 / (8 * curvature * curvature * kSpacing * kSpacing);
  }
  const auto precision = expected_precision(
      SweepApproach::isoflop, joined(profile(1e18, kSpacing, 0), profile(1e20, kSpacing, 1)),
      symmetric_law(), 0.02);
  ASSERT_TRUE(precision.has_value());
  EXPECT_NEAR(precision->exponent, 0.5, 1e-9);
  EXPECT_NEAR(precision->standard_deviation / (0.02 * std::sqrt(variance) / std::log(100)), 1,
              1e-6);
}

TEST(SweepPrecision, of_four_seeds_is_twice_that_of_one) {
  const auto once = joined(profile(1e18, 1, 0), profile(1e20, 1, 1));
  const auto four_times = joined(joined(once, once), joined(once, once));
  const double one =
      expected_precision(SweepApproach::isoflop, once, symmetric_law(), 0.01)->standard_deviation;
  const double four = expected_precision(SweepApproach::isoflop, four_times, symmetric_law(), 0.01)
                          ->standard_deviation;
  EXPECT_NEAR(one / four, 2, 1e-9);
}

TEST(SweepPrecision, is_unknown_of_one_budget_and_of_two_sizes) {
  EXPECT_FALSE(
      expected_precision(SweepApproach::isoflop, profile(1e18, 1, 0), symmetric_law(), 0.01));
  auto runs = joined(profile(1e18, 1, 0), profile(1e20, 1, 1));
  runs.erase(runs.begin());
  EXPECT_FALSE(expected_precision(SweepApproach::isoflop, runs, symmetric_law(), 0.01));
}

/// Inverse by Gauss and Jordan with pivots.
std::array<std::array<double, 5>, 5> inverse(std::array<std::array<double, 10>, 5> m) {
  for (std::size_t i = 0; i < 5; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i; r < 5; ++r)
      if (std::abs(m[r][i]) > std::abs(m[pivot][i])) pivot = r;
    std::swap(m[i], m[pivot]);
    const double by = m[i][i];
    for (double& value : m[i]) value /= by;
    for (std::size_t r = 0; r < 5; ++r) {
      const double factor = r == i ? 0 : m[r][i];
      for (std::size_t c = 0; c < 10; ++c) m[r][c] -= factor * m[i][c];
    }
  }
  std::array<std::array<double, 5>, 5> result{};
  for (std::size_t r = 0; r < 5; ++r)
    for (std::size_t c = 0; c < 5; ++c) result[r][c] = m[r][c + 5];
  return result;
}

/// The law's loss with parameter `i` of (A, B, E, alpha, beta) multiplied by `factor`.
double loss_with(const ScalingLaw& law, const FittedRun& run, std::size_t i, double factor) {
  ScalingLaw changed = law;
  auto& form = std::get<ChinchillaForm>(changed.form);
  const std::array<double*, 5> parameters = {&form.A, &form.B, &form.E, &form.alpha, &form.beta};
  *parameters[i] *= factor;
  return loss(changed, run.n_params, run.n_tokens);
}

// The same by finite differences in relative parameters and another elimination.
TEST(SweepPrecision, of_the_surface_is_that_of_finite_differences) {
  const ScalingLaw law = LawCatalog::load().default_law();
  const auto& form = std::get<ChinchillaForm>(law.form);
  std::vector<FittedRun> runs;
  for (const double n_params : {1e8, 4e8, 16e8})
    for (const double ratio : {2.0, 20.0, 200.0}) runs.push_back({0, n_params, ratio * n_params});
  std::array<std::array<double, 10>, 5> information{};
  for (const FittedRun& run : runs) {
    std::array<double, 5> row{};
    for (std::size_t i = 0; i < 5; ++i)
      row[i] = (loss_with(law, run, i, 1 + 1e-5) - loss_with(law, run, i, 1 - 1e-5)) / 2e-5;
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 5; ++j) information[i][j] += row[i] * row[j];
  }
  for (std::size_t i = 0; i < 5; ++i) information[i][i + 5] = 1;
  const auto covariance = inverse(information);
  // a = beta / (alpha + beta), by relative alpha and beta.
  const double g = form.alpha * form.beta / std::pow(form.alpha + form.beta, 2);
  const double variance = g * g * (covariance[3][3] + covariance[4][4] - 2 * covariance[3][4]);
  const auto precision = expected_precision(SweepApproach::parametric, runs, law, 0.01);
  ASSERT_TRUE(precision.has_value());
  EXPECT_NEAR(precision->exponent, form.beta / (form.alpha + form.beta), 1e-12);
  EXPECT_NEAR(precision->standard_deviation / (0.01 * std::sqrt(variance)), 1, 1e-3);
}

TEST(SweepPrecision, of_the_surface_is_unknown_for_another_form) {
  ScalingLaw law;
  law.form = KaplanForm{8.8e13, 5.4e13, 0.076, 0.095};
  EXPECT_FALSE(expected_precision(SweepApproach::grid, profile(1e18, 1, 0), law, 0.01));
}

}  // namespace
}  // namespace isoflop
