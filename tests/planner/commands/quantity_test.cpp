// SPDX-License-Identifier: MIT
#include "planner/commands/quantity.hpp"

#include "core/base/error.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(Quantity, numbers_as_people_write_them) {
  EXPECT_EQ(parse_quantity("--x", "1e23"), 1e23);
  EXPECT_EQ(parse_quantity("--x", "7B"), 7e9);
  EXPECT_EQ(parse_quantity("--x", "1.4T"), 1.4e12);
  EXPECT_EQ(parse_quantity("--x", "124m"), 124e6);
  EXPECT_EQ(parse_quantity("--x", "6738415616"), 6738415616.0);
}

TEST(Quantity, everything_else_is_refused) {
  for (const char* text : {"", "B", "-1", "0", "nan", "inf", "1e400", "7 B", "7BB", "1e308T", "7X"})
    EXPECT_THROW(parse_quantity("--x", text), ConfigError) << text;
}

}  // namespace
}  // namespace isoflop
