// SPDX-License-Identifier: MIT
#include "planner/fit/least_squares.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace isoflop {
namespace {

Bounds wide(std::size_t n) { return {std::vector<double>(n, -1e9), std::vector<double>(n, 1e9)}; }

// Rosenbrock 1960: the least of (1 - x)^2 + 100 (y - x^2)^2 is 0 at (1, 1), from (-1.2, 1) through
// a bent valley.
TEST(LeastSquares, finds_rosenbrocks_minimum) {
  const auto residuals = [](std::span<const double> x) {
    return std::vector<double>{1 - x[0], 10 * (x[1] - x[0] * x[0])};
  };
  const LeastSquaresFit fit = fit_least_squares(residuals, {-1.2, 1}, wide(2));
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.x[0], 1, 1e-5);
  EXPECT_NEAR(fit.x[1], 1, 1e-5);
  EXPECT_LT(fit.cost, 1e-10);
}

// NIST statistical reference data, Misra1a: y = b1 (1 - exp(-b2 x)); certified b1 = 238.94212918,
// b2 = 5.5015643181e-4, residual sum of squares 0.12455138894. Fitted in logarithms of b.
TEST(LeastSquares, reproduces_nists_misra1a) {
  constexpr std::array kX = {77.6,  114.9, 141.1, 190.8, 239.9, 289.0, 332.8,
                             378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0};
  constexpr std::array kY = {10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02,
                             44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78};
  const auto residuals = [&](std::span<const double> b) {
    std::vector<double> result;
    for (std::size_t i = 0; i < kX.size(); ++i)
      result.push_back(std::exp(b[0]) * (1 - std::exp(-std::exp(b[1]) * kX[i])) - kY[i]);
    return result;
  };
  const LeastSquaresFit fit =
      fit_least_squares(residuals, {std::log(500), std::log(1e-4)}, wide(2));
  EXPECT_NEAR(std::exp(fit.x[0]), 238.94212918, 0.01);
  EXPECT_NEAR(std::exp(fit.x[1]), 5.5015643181e-4, 1e-7);
  EXPECT_NEAR(2 * fit.cost, 0.12455138894, 1e-6);
}

// Residuals x - 3 and 2 (y + 1): standard deviations 1 and 1/2.
TEST(LeastSquares, states_how_well_each_is_known) {
  const auto residuals = [](std::span<const double> x) {
    return std::vector<double>{x[0] - 3, 2 * (x[1] + 1)};
  };
  const LeastSquaresFit fit = fit_least_squares(residuals, {0, 0, 5}, wide(3));
  EXPECT_NEAR(fit.x[0], 3, 1e-6);
  EXPECT_NEAR(fit.x[1], -1, 1e-6);
  EXPECT_EQ(fit.x[2], 5);
  EXPECT_NEAR(fit.standard_deviation[0], 1, 1e-6);
  EXPECT_NEAR(fit.standard_deviation[1], 0.5, 1e-6);
  EXPECT_TRUE(std::isinf(fit.standard_deviation[2]));
}

TEST(LeastSquares, stays_within_bounds_and_fits_the_rest) {
  const auto residuals = [](std::span<const double> x) {
    return std::vector<double>{x[0] + x[1] - 10, x[0] - x[1]};
  };
  // Unbounded x = y = 5; with x = 2, (y - 8)^2 + (y - 2)^2 is least at 5.
  const LeastSquaresFit fit = fit_least_squares(residuals, {0, 0}, {{-100, -100}, {2, 100}});
  EXPECT_EQ(fit.x[0], 2);
  EXPECT_NEAR(fit.x[1], 5, 1e-5);
}

TEST(LeastSquares, gives_the_same_bits_again) {
  const auto residuals = [](std::span<const double> x) {
    return std::vector<double>{std::exp(x[0]) - 2, x[0] * x[1] - 1, std::abs(x[1]) - 1};
  };
  const LeastSquaresFit one = fit_least_squares(residuals, {0.1, 0.2}, wide(2));
  const LeastSquaresFit two = fit_least_squares(residuals, {0.1, 0.2}, wide(2));
  EXPECT_EQ(one.x, two.x);
  EXPECT_EQ(one.cost, two.cost);
}

TEST(SoftL1, is_square_near_zero_and_linear_far_out) {
  EXPECT_NEAR(soft_l1_residual(1e-3), 1e-3, 1e-9);
  EXPECT_DOUBLE_EQ(soft_l1_residual(-2), -soft_l1_residual(2));
  EXPECT_NEAR(std::pow(soft_l1_residual(1e4), 2), 2e4, 3);
}

}  // namespace
}  // namespace isoflop
