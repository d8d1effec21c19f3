// SPDX-License-Identifier: MIT
#include "report/step_statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

TEST(RunningMoments, are_those_of_the_sample) {
  RunningMoments moments;
  EXPECT_EQ(moments.mean(), std::nullopt);
  moments.add(1e9 + 4);
  EXPECT_EQ(moments.std(), std::nullopt);
  for (const double value : {7.0, 13.0, 16.0}) moments.add(1e9 + value);
  EXPECT_DOUBLE_EQ(moments.mean().value(), 1e9 + 10);
  EXPECT_DOUBLE_EQ(moments.std().value(), std::sqrt(30));  // 36 + 9 + 9 + 36 over three
}

RunningQuantiles of(const std::vector<float>& values) {
  RunningQuantiles quantiles;
  for (const float value : values) quantiles.add(value);
  return quantiles;
}

TEST(RunningQuantiles, median_of_an_even_count_is_between_the_middle_two) {
  EXPECT_EQ(of({}).median(), std::nullopt);
  EXPECT_EQ(of({}).percentile_95(), std::nullopt);
  EXPECT_EQ(of({3, 1, 2}).median(), 2);
  EXPECT_EQ(of({3, 1, 2, 10}).median(), 2.5);
}

TEST(RunningQuantiles, percentile_is_the_smallest_value_that_95_percent_do_not_exceed) {
  std::vector<float> values;
  for (int i = 1; i <= 20; ++i) values.push_back(static_cast<float>(i));
  EXPECT_EQ(of(values).percentile_95(), 19);
  values.push_back(21);
  EXPECT_EQ(of(values).percentile_95(), 20);
}

// 1 to 3 million in an order that jumps about: 7,919 shares no factor with 3,000,000.
TEST(RunningQuantiles, of_millions_are_right_to_the_width_of_a_bin) {
  RunningQuantiles quantiles;
  constexpr int64_t kCount = 3'000'000;
  for (int64_t i = 0; i < kCount; ++i)
    quantiles.add(static_cast<float>(i * 7919 % kCount + 1) * 1e-6F);
  EXPECT_NEAR(quantiles.median().value(), 1.5, 1.5 * 2.5e-4);
  EXPECT_NEAR(quantiles.percentile_95().value(), 2.85, 2.85 * 2.5e-4);
}

TEST(RunningQuantiles, of_millions_order_negative_values_too) {
  RunningQuantiles quantiles;
  for (int i = 0; i < 1'500'000; ++i) quantiles.add(i % 3 == 0 ? 2.0F : -1.0F);
  EXPECT_NEAR(quantiles.median().value(), -1, 2.5e-4);
  EXPECT_NEAR(quantiles.percentile_95().value(), 2, 5e-4);
}

}  // namespace
}  // namespace isoflop
