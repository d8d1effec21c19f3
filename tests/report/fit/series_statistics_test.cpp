// SPDX-License-Identifier: MIT
#include "report/fit/series_statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isoflop::fit {
namespace {

// 2 4 4 4 5 5 7 9: mean 5, squared deviations sum to 32, sample variance 32 / 7.
TEST(SeriesStatistics, mean_deviation_median_and_maximum_of_a_known_series) {
  const auto statistics = series_statistics(std::vector<double>{9, 2, 4, 7, 4, 5, 4, 5});
  ASSERT_TRUE(statistics.has_value());
  EXPECT_EQ(statistics->count, 8U);
  EXPECT_DOUBLE_EQ(statistics->mean, 5.0);
  EXPECT_DOUBLE_EQ(*statistics->std, std::sqrt(32.0 / 7.0));
  EXPECT_DOUBLE_EQ(statistics->median, 4.5);
  EXPECT_EQ(statistics->max, 9.0);
}

TEST(SeriesStatistics, odd_count_has_its_middle_as_median) {
  EXPECT_EQ(series_statistics(std::vector<double>{-3, -1, -2})->median, -2.0);
  EXPECT_EQ(series_statistics(std::vector<double>{-3, -1, -2})->max, -1.0);
}

TEST(SeriesStatistics, one_value_has_no_deviation) {
  const auto statistics = series_statistics(std::vector<double>{7});
  EXPECT_EQ(statistics->mean, 7.0);
  EXPECT_EQ(statistics->std, std::nullopt);
}

TEST(SeriesStatistics, empty_series_has_none) { EXPECT_FALSE(series_statistics({}).has_value()); }

// A sum of squares minus a square of sums would lose all digits here.
TEST(SeriesStatistics, large_offset_does_not_hurt_the_deviation) {
  const auto statistics = series_statistics(std::vector<double>{1e9 + 1, 1e9 + 2, 1e9 + 3});
  EXPECT_DOUBLE_EQ(*statistics->std, 1.0);
}

}  // namespace
}  // namespace isoflop::fit
