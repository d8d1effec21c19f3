// SPDX-License-Identifier: MIT
#include "report/fit/window_means.hpp"

#include <gtest/gtest.h>

namespace isoflop::fit {
namespace {

TEST(WindowMeans, each_window_has_its_own_mean) {
  const std::vector<double> values{1, 2, 3, 4, 10};
  const std::vector<Window> windows{{0, 1}, {0, 4}, {3, 5}};
  EXPECT_EQ(window_means(values, windows), (std::vector<double>{1, 2.5, 7}));
}

TEST(WindowMeans, no_windows_give_no_means) {
  EXPECT_TRUE(window_means(std::vector<double>{1}, {}).empty());
}

}  // namespace
}  // namespace isoflop::fit
