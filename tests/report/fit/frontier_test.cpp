// SPDX-License-Identifier: MIT
#include "report/fit/frontier.hpp"

#include "report/fit/fit_samples.hpp"
#include "report/fit/resampling.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace isoflop::fit {
namespace {

using ::testing::HasSubstr;

const FrontierFit& frontier(const FrontierResult& result) { return std::get<FrontierFit>(result); }

/// Five sizes at each of four budgets; the loss is a parabola in ln N with its least value 2 at
/// 100 C^0.46.
std::vector<ScalingPoint> parabolas() {
  std::vector<ScalingPoint> points;
  for (const double compute : {1e15, 1e16, 1e17, 1e18}) {
    const double best = 100 * std::pow(compute, 0.46);
    for (const double factor : {0.3, 0.5, 0.9, 1.6, 3.0}) {
      const double n_params = best * factor;
      points.push_back({std::to_string(points.size()), n_params, compute / (6 * n_params), compute,
                        2 + 0.05 * std::pow(std::log(factor), 2)});
    }
  }
  return points;
}

TEST(IsoflopFrontier, minima_of_parabolas_and_their_exponent_are_exact) {
  const FrontierResult result = isoflop_frontier(parabolas(), 100, 0);
  const FrontierFit& fit = frontier(result);
  EXPECT_NEAR(fit.exponent, 0.46, 1e-9);
  ASSERT_EQ(fit.points.size(), 4U);
  EXPECT_NEAR(fit.points[1].n_params / (100 * std::pow(1e16, 0.46)), 1, 1e-9);
  EXPECT_NEAR(fit.points[1].loss, 2, 1e-12);
  EXPECT_EQ(fit.points[1].n_point, 5U);
  // Without noise every resample that has three sizes at three budgets says the same.
  EXPECT_EQ(fit.resampled_exponents.size() + fit.n_failed_resamples, 100U);
  EXPECT_GT(fit.resampled_exponents.size(), 90U);
  EXPECT_NEAR(interval_95(fit.resampled_exponents).low, 0.46, 1e-6);
}

TEST(IsoflopFrontier, budgets_whose_sizes_do_not_bracket_the_minimum_are_left_out_and_named) {
  std::vector<ScalingPoint> points = parabolas();
  std::erase_if(points, [](const ScalingPoint& point) {
    return point.compute_flops == 1e15 && point.n_params > 100 * std::pow(1e15, 0.46);
  });
  const FrontierResult result = isoflop_frontier(points, 0, 0);
  EXPECT_EQ(frontier(result).points.size(), 3U);
  EXPECT_NEAR(frontier(result).exponent, 0.46, 1e-9);
  EXPECT_THAT(frontier(result).notes, ::testing::ElementsAre(HasSubstr("C = 1.00e15: left out")));
}

TEST(IsoflopFrontier, runs_without_budgets_in_common_show_none) {
  EXPECT_THAT(std::get<std::string>(isoflop_frontier(gadre_points("c4"), 0, 0)),
              HasSubstr("0 budgets with at least 3 sizes"));
}

// The law of the samples: a = beta / (alpha + beta) = 0.513. Sizes a factor of 1.3 apart make a
// staircase of the frontier: 0.02 covers it.
TEST(EnvelopeFrontier, lowest_curves_of_many_sizes_show_the_exponent_of_their_law) {
  std::vector<ScalingPoint> points;
  for (int size = 0; size < 40; ++size) {
    const double n_params = 1e6 * std::pow(1.3, size);
    for (double n_tokens = n_params; n_tokens < 400 * n_params; n_tokens *= 1.2)
      points.push_back({std::to_string(size), n_params, n_tokens, 6 * n_params * n_tokens,
                        kTruth.E + kTruth.A / std::pow(n_params, kTruth.alpha) +
                            kTruth.B / std::pow(n_tokens, kTruth.beta)});
  }
  const FrontierResult result = envelope_frontier(points, 50, 0);
  EXPECT_NEAR(frontier(result).exponent, 0.513, 0.02);
  EXPECT_EQ(frontier(result).resampled_exponents.size(), 50U);
  const Range interval = interval_95(frontier(result).resampled_exponents);
  EXPECT_TRUE(interval.contains(frontier(result).exponent));
}

/// Five runs over the same compute, which is lowest changes at C = 1e15, 1e16 and so on exactly.
TEST(EnvelopeFrontier, a_run_stands_for_the_stretch_on_which_it_is_lowest) {
  std::vector<ScalingPoint> points;
  for (int run = 0; run < 5; ++run) {
    for (double power = 14; power < 19.01; power += 0.5)
      points.push_back({std::to_string(run), std::pow(10, 3 + run), 1, std::pow(10, power),
                        3 + std::abs(power - 14.5 - run)});
  }
  const FrontierResult result = envelope_frontier(points, 0, 0);
  // The smallest and the largest run may be lowest only because no other model is there.
  ASSERT_EQ(frontier(result).points.size(), 3U);
  for (int run = 0; run < 3; ++run) {
    const FrontierPoint& point = frontier(result).points[static_cast<std::size_t>(run)];
    EXPECT_NEAR(std::log10(point.compute_flops), 15.5 + run, 0.01);
    EXPECT_NEAR(point.n_params, std::pow(10, 4 + run), 1e-6);
    EXPECT_EQ(point.n_point, 5U);
  }
  // Least squares through three steps of height 1 and width 1: 8 / 9 by hand.
  EXPECT_NEAR(frontier(result).exponent, 8.0 / 9, 0.01);
}

TEST(EnvelopeFrontier, single_points_are_no_curves) {
  EXPECT_THAT(std::get<std::string>(envelope_frontier(gadre_points("c4"), 0, 0)),
              HasSubstr("0 runs with training curves (at least 3"));
}

}  // namespace
}  // namespace isoflop::fit
