// SPDX-License-Identifier: MIT
#include "report/fit/resampling.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <random>

namespace isoflop::fit {
namespace {

TEST(Resampling, a_resample_draws_as_many_runs_as_there_are_and_keeps_their_rows_together) {
  const std::vector<std::size_t> runs = {0, 1, 1, 2, 3};
  const std::vector<float> counts = resample_counts(runs, 100, 7);
  ASSERT_EQ(counts.size(), 500U);
  for (std::size_t r = 0; r < 100; ++r) {
    const float* const row = &counts[r * 5];
    EXPECT_EQ(row[1], row[2]);
    EXPECT_EQ(row[0] + row[1] + row[3] + row[4], 4);
  }
}

// A run is missing from a resample of n with probability (1 - 1/n)^n: 0.3660 for n = 100; over
// 100,000 draws the standard deviation is below 0.0015.
TEST(Resampling, draws_are_uniform_and_depend_on_the_seed) {
  std::vector<std::size_t> runs(100);
  std::iota(runs.begin(), runs.end(), std::size_t{0});
  const std::vector<float> counts = resample_counts(runs, 1000, 0);
  double missing = 0;
  for (const float count : counts) missing += count == 0;
  EXPECT_NEAR(missing / 1e5, 0.3660, 0.005);
  EXPECT_EQ(counts, resample_counts(runs, 1000, 0));
  EXPECT_NE(counts, resample_counts(runs, 1000, 1));
}

TEST(Resampling, interval_lies_between_the_values_next_to_the_percentiles) {
  std::vector<double> values(41);
  std::iota(values.rbegin(), values.rend(), 0.0);  // 2.5 % of 40 steps is one step
  const Range interval = interval_95(values);
  EXPECT_DOUBLE_EQ(interval.low, 1);
  EXPECT_DOUBLE_EQ(interval.high, 39);
  EXPECT_DOUBLE_EQ(interval_95({3.0}).high, 3);
}

TEST(Resampling, covariance_of_three_rows_by_hand) {
  const std::vector<std::vector<double>> rows = {{1, 2}, {3, 2}, {5, 8}};
  const auto covariance = sample_covariance(rows);
  EXPECT_DOUBLE_EQ(covariance[0][0], 4);   // deviations -2, 0, 2
  EXPECT_DOUBLE_EQ(covariance[1][1], 12);  // deviations -2, -2, 4
  EXPECT_DOUBLE_EQ(covariance[0][1], 6);
  EXPECT_DOUBLE_EQ(covariance[1][0], 6);
}

std::vector<std::vector<double>> normal_rows(std::size_t n) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  std::vector<std::vector<double>> rows(n, std::vector<double>(5));
  for (auto& row : rows) {
    for (double& value : row) value = normal(random);
    row[1] += 2 * row[0];
  }
  return rows;
}

// Variances of 20,000 normal values are right within 1 % (one standard deviation); 5 % is safe.
TEST(Resampling, trimmed_covariance_of_normal_rows_is_theirs) {
  const auto covariance = trimmed_covariance(normal_rows(20000)).value();
  EXPECT_NEAR(covariance[0][0], 1, 0.05);
  EXPECT_NEAR(covariance[1][1], 5, 0.25);
  EXPECT_NEAR(covariance[0][1], 2, 0.1);
  EXPECT_NEAR(covariance[2][2], 1, 0.05);
}

TEST(Resampling, trimmed_covariance_forgets_a_few_strays_that_the_plain_one_follows) {
  auto rows = normal_rows(2000);
  for (std::size_t i = 0; i < 40; ++i) rows[i][2] -= 100;
  EXPECT_GT(sample_covariance(rows)[2][2], 100);
  EXPECT_NEAR(trimmed_covariance(rows).value()[2][2], 1, 0.2);
}

TEST(Resampling, rows_without_volume_have_no_trimmed_covariance) {
  auto rows = normal_rows(100);
  for (auto& row : rows) row[4] = row[3];
  EXPECT_EQ(trimmed_covariance(rows), std::nullopt);
  EXPECT_EQ(trimmed_covariance({}), std::nullopt);
}

}  // namespace
}  // namespace isoflop::fit
