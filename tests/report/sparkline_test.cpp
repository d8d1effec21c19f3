// SPDX-License-Identifier: MIT
#include "report/sparkline.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

TEST(Sparkline, goes_from_the_lowest_block_to_the_highest) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}, 80), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline(std::vector<double>{3, 1}, 80), "█▁");
}

TEST(Sparkline, parts_are_means) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 4, 10, 10}, 2), "▁█");
  EXPECT_EQ(sparkline(std::vector<double>{0, 2, 1, 1}, 2), "▁▁") << "equal means";
}

TEST(Sparkline, what_is_not_finite_leaves_no_mark) {
  EXPECT_EQ(sparkline(std::vector<double>{1, NAN, 2, INFINITY}, 2), "▁█");
  EXPECT_EQ(sparkline(std::vector<double>{1, NAN, 2}, 80), "▁ █");
  EXPECT_EQ(sparkline(std::vector<double>{}, 80), "");
}

}  // namespace
}  // namespace isoflop
