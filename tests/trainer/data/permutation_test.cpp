// SPDX-License-Identifier: MIT
#include "trainer/data/permutation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace isoflop {
namespace {

std::vector<int64_t> elements(int64_t size, uint64_t key) {
  const Permutation permutation(size, key);
  std::vector<int64_t> result(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = permutation(static_cast<int64_t>(i));
  return result;
}

TEST(Permutation, is_a_bijection_for_any_size) {
  for (const int64_t size : {1, 2, 3, 7, 64, 1000, 4097}) {
    for (const uint64_t key : {0u, 1u, 12345u}) {
      std::vector<int64_t> sorted = elements(size, key);
      std::sort(sorted.begin(), sorted.end());
      std::vector<int64_t> expected(sorted.size());
      std::iota(expected.begin(), expected.end(), 0);
      EXPECT_EQ(sorted, expected) << size << " elements, key " << key;
    }
  }
}

TEST(Permutation, differs_between_keys) {
  EXPECT_NE(elements(1000, 1), elements(1000, 2));
  EXPECT_EQ(elements(1000, 1), elements(1000, 1));
}

TEST(Permutation, reaches_every_order_of_three_elements) {
  std::vector<std::vector<int64_t>> seen;
  for (uint64_t key = 0; key < 200; ++key) seen.push_back(elements(3, key));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()) - seen.begin(), 6);
}

TEST(Permutation, leaves_no_order_of_neighbours) {
  // Correlation of element and position for a random order of n is normal with deviation
  // 1 / sqrt(n - 1): 0.01 here, so 0.05 is five deviations. The same for neighbouring elements.
  const std::vector<int64_t> order = elements(10'000, 7);
  const double mean = 9'999 / 2.0;
  const double variance = (1e8 - 1) / 12.0;
  double with_position = 0;
  double with_neighbour = 0;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    const double deviation = static_cast<double>(order[i]) - mean;
    with_position += deviation * (static_cast<double>(i) - mean);
    with_neighbour += deviation * (static_cast<double>(order[i + 1]) - mean);
  }
  EXPECT_LT(std::abs(with_position / (1e4 * variance)), 0.05);
  EXPECT_LT(std::abs(with_neighbour / (1e4 * variance)), 0.05);
}

TEST(Permutation, serves_more_than_2_to_the_32_elements) {
  const int64_t size = (int64_t{1} << 40) + 12345;
  const Permutation permutation(size, 3);
  for (const int64_t position : {int64_t{0}, size / 2, size - 1}) {
    EXPECT_GE(permutation(position), 0);
    EXPECT_LT(permutation(position), size);
  }
}

}  // namespace
}  // namespace isoflop
