// SPDX-License-Identifier: MIT
#include "core/scaling/optimum.hpp"

#include "core/scaling/law_catalog.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

ScalingLaw law(const std::string& name) { return LawCatalog::load().find(name); }

/// Tolerances are half a unit of the last printed digit.
void expect_optimum(const std::string& name, double n_params, double n_tokens) {
  SCOPED_TRACE(name);
  const Optimum best = optimum(law(name), 1e23);
  EXPECT_NEAR(best.n_params, n_params, 0.005e9);
  EXPECT_NEAR(best.n_tokens, n_tokens, 0.05e9);
}

TEST(Optimum, each_law_at_1e23) {
  expect_optimum("besiroglu", 29.45e9, 566.0e9);
  expect_optimum("hoffmann", 14.60e9, 1141.7e9);
  expect_optimum("hoffmann-tex", 18.13e9, 919.5e9);
}

TEST(Optimum, kaplan_equation_1_5_at_1e23) {
  EXPECT_NEAR(optimum(law("kaplan"), 1e23).n_params, 72.5e9, 0.05e9);
}

TEST(Optimum, no_neighbour_at_equal_compute_is_better) {
  for (const char* name : {"besiroglu", "hoffmann", "kaplan"}) {
    const ScalingLaw surface = law(name);
    const Optimum best = optimum(surface, 1e22);
    EXPECT_DOUBLE_EQ(6 * best.n_params * best.n_tokens, 1e22);
    for (const double factor : {0.9, 0.99, 1.01, 1.1})
      EXPECT_GT(loss(surface, best.n_params * factor, best.n_tokens / factor), best.loss) << name;
  }
}

// The 4,000 bootstrap resamples themselves have 22.2e9 and 42.5e9 as their 2.5 and 97.5
// percentiles; the normal approximation from their covariance lies within 6 % of these.
TEST(Optimum, interval_at_1e23) {
  const Range interval = optimal_params_interval_95(law("besiroglu"), 1e23).value();
  EXPECT_NEAR(interval.low / 22.2e9, 1, 0.06);
  EXPECT_NEAR(interval.high / 42.5e9, 1, 0.06);
  EXPECT_EQ(optimal_params_interval_95(law("hoffmann"), 1e23), std::nullopt);
}

// The derivatives behind the interval against differences of the optimum itself.
TEST(Optimum, interval_follows_the_slope_of_each_coefficient) {
  const auto shifted = [](int index, double step) {
    ScalingLaw changed = law("besiroglu");
    auto& form = std::get<ChinchillaForm>(changed.form);
    if (index == 0) form.A *= std::exp(step);
    if (index == 1) form.B *= std::exp(step);
    if (index == 2) form.E *= std::exp(step);
    if (index == 3) form.alpha += step;
    if (index == 4) form.beta += step;
    return std::log(optimum(changed, 1e22).n_params);
  };
  for (int index = 0; index < 5; ++index) {
    ScalingLaw single = law("besiroglu");
    single.covariance = LawCovariance{};
    (*single.covariance)[index][index] = 1e-6;
    const Range interval = optimal_params_interval_95(single, 1e22).value();
    const double slope = std::fabs(shifted(index, 1e-5) - shifted(index, -1e-5)) / 2e-5;
    EXPECT_NEAR(std::log(interval.high / interval.low), 2 * 1.959964 * slope * 1e-3, 1e-8) << index;
  }
}

// The rounded Hoffmann point wastes 15.9 % of the compute on Besiroglu's surface.
TEST(Optimum, waste_of_the_rounded_hoffmann_point) {
  const Optimum rounded = optimum(law("hoffmann"), 1e23);
  EXPECT_NEAR(wasted_compute(law("besiroglu"), rounded.n_params, rounded.n_tokens), 0.159, 5e-4);
}

TEST(Optimum, the_optimum_wastes_nothing) {
  const Optimum best = optimum(law("besiroglu"), 1e21);
  EXPECT_NEAR(wasted_compute(law("besiroglu"), best.n_params, best.n_tokens), 0, 1e-9);
}

void expect_ratio(double n_params, double n_tokens, double ratio, SizeVerdict verdict) {
  const double actual = params_over_optimum(law("besiroglu"), n_params, n_tokens);
  EXPECT_NEAR(actual, ratio, 0.005);
  EXPECT_EQ(size_verdict(actual), verdict);
}

TEST(Optimum, verdicts_on_known_models) {
  expect_ratio(6738415616, 1e12, 0.36, SizeVerdict::over_trained);     // LLaMA 7B
  expect_ratio(65285660672, 1.4e12, 0.93, SizeVerdict::near_optimal);  // LLaMA 65B
  expect_ratio(70e9, 1.4e12, 0.96, SizeVerdict::near_optimal);         // Chinchilla
  expect_ratio(175e9, 300e9, 3.30, SizeVerdict::over_parameterised);   // GPT-3
}

TEST(Optimum, near_optimal_loses_little_compute) {
  const Optimum best = optimum(law("besiroglu"), 1e22);
  for (const double factor : {0.7, 1.4})
    EXPECT_LT(wasted_compute(law("besiroglu"), best.n_params * factor, best.n_tokens / factor),
              0.05);
}

}  // namespace
}  // namespace isoflop
