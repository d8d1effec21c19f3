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

// The paper's appendix prints the same as U_N = 0.051 U_D.
TEST(Optimum, muennighoff_has_as_many_tokens_a_parameter_at_any_compute) {
  for (const double compute : {1e18, 1e22}) {
    const Optimum best = optimum(law("muennighoff"), compute);
    EXPECT_NEAR(best.n_params / best.n_tokens, 0.051, 0.0005);
  }
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

// Percentiles of 4,000 bootstrap resamples of the public replication of Besiroglu et al.
TEST(Optimum, interval_at_1e23) {
  const Range interval = optimal_params_interval_95(law("besiroglu"), 1e23).value();
  EXPECT_NEAR(interval.low, 22.2e9, 0.05e9);
  EXPECT_NEAR(interval.high, 42.5e9, 0.05e9);
  EXPECT_EQ(optimal_params_interval_95(law("hoffmann"), 1e23), std::nullopt);
}

TEST(Optimum, interval_between_rows_is_straight_in_logarithms) {
  ScalingLaw own = law("besiroglu");
  own.optimal_params_95 = {{1e20, {1e8, 1e9}}, {1e22, {1e10, 1e11}}};
  const Range middle = optimal_params_interval_95(own, 1e21).value();
  EXPECT_NEAR(middle.low / 1e9, 1, 1e-9);
  EXPECT_NEAR(middle.high / 1e10, 1, 1e-9);
}

// The normal approximation serves beyond the rows; inside it lies within 6 % of the percentiles.
TEST(Optimum, interval_beyond_the_rows_comes_from_the_covariance) {
  ScalingLaw own = law("besiroglu");
  const Range tabulated = optimal_params_interval_95(own, 1e23).value();
  own.optimal_params_95 = {{1e20, {1e8, 1e9}}, {1e22, {1e10, 1e11}}};
  const Range approximate = optimal_params_interval_95(own, 1e23).value();
  EXPECT_NEAR(approximate.low / tabulated.low, 1, 0.06);
  EXPECT_NEAR(approximate.high / tabulated.high, 1, 0.06);
  EXPECT_TRUE(optimal_params_interval_95(own, 1e19).has_value());
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
    single.optimal_params_95.clear();
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

// Waste is what the inverse says about the loss reached, for both forms.
TEST(Optimum, waste_of_a_point_far_from_the_optimum) {
  for (const char* name : {"besiroglu", "kaplan"}) {
    const ScalingLaw surface = law(name);
    const double waste = wasted_compute(surface, 1e9, 1e12);
    const Optimum cheaper = optimum(surface, 6e21 * (1 - waste));
    EXPECT_NEAR(cheaper.loss, loss(surface, 1e9, 1e12), 1e-9) << name;
    EXPECT_GT(waste, 0.1) << name;
  }
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
