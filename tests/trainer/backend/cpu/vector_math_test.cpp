// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/vector_math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace isoflop {
namespace {

/// The largest error of f against exact over a fine grid of [low, high].
template <typename Error>
double largest_error(float low, float high, Error error) {
  constexpr int kPoints = 200000;
  double largest = 0;
  for (int i = 0; i <= kPoints; ++i) {
    const float x = low + (high - low) * static_cast<float>(i) / kPoints;
    largest = std::max(largest, error(x));
  }
  return largest;
}

double relative(double value, double exact) { return std::abs(value - exact) / std::abs(exact); }

TEST(VectorMath, exp_is_within_2e_7) {
  EXPECT_LE(largest_error(-87.3f, 88.3f,
                          [](float x) { return relative(vector_exp(x), std::exp(double{x})); }),
            2e-7);
  EXPECT_EQ(vector_exp(0.0f), 1.0f);
}

TEST(VectorMath, exp_outside_its_range_is_0_or_large_and_nan_stays) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(vector_exp(-88.0f), 0.0f);
  EXPECT_EQ(vector_exp(-kInfinity), 0.0f);
  EXPECT_GT(vector_exp(kInfinity), 2e38f);
  EXPECT_TRUE(std::isnan(vector_exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(VectorMath, sigmoid_is_within_4e_7) {
  EXPECT_LE(largest_error(-87.0f, 87.0f,
                          [](float x) {
                            return relative(vector_sigmoid(x), 1 / (1 + std::exp(-double{x})));
                          }),
            4e-7);
}

TEST(VectorMath, normal_cdf_is_within_2e_7_absolute_and_1e_5_relative) {
  const auto exact = [](float x) { return std::erfc(-double{x} / std::sqrt(2.0)) / 2; };
  const auto absolute = [&](float x) { return std::abs(vector_normal_cdf(x) - exact(x)); };
  EXPECT_LE(largest_error(-9.0f, 9.0f, absolute), 2e-7);
  EXPECT_LE(
      largest_error(-9.0f, 9.0f, [&](float x) { return relative(vector_normal_cdf(x), exact(x)); }),
      1e-5);
}

}  // namespace
}  // namespace isoflop
