// SPDX-License-Identifier: MIT
#include "core/base/round_up.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(RoundUp, gives_the_next_multiple_or_the_value_itself) {
  EXPECT_EQ(round_up(0, 256), 0);
  EXPECT_EQ(round_up(1, 256), 256);
  EXPECT_EQ(round_up(256, 256), 256);
  EXPECT_EQ(round_up(257, 256), 512);
  EXPECT_EQ(round_up(50257, 128), 50304);
  EXPECT_EQ(round_up((int64_t{1} << 40) + 1, 2), (int64_t{1} << 40) + 2);
}

}  // namespace
}  // namespace isoflop
