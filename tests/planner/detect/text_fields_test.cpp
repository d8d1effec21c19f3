// SPDX-License-Identifier: MIT
#include "planner/detect/text_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TextFields, commas_in_brackets_do_not_split) {
  EXPECT_THAT(split_list("gpu:v100:4(S:0,2-3),shard:8"),
              ElementsAre("gpu:v100:4(S:0,2-3)", "shard:8"));
  EXPECT_THAT(split_list("a[1,2], b ,,"), ElementsAre("a[1,2]", "b"));
  EXPECT_THAT(split_list(""), IsEmpty());
}

TEST(TextFields, leading_numbers) {
  EXPECT_EQ(leading_number("2063000"), 2063000);
  EXPECT_EQ(leading_number("96+"), 96);
  EXPECT_EQ(leading_number("1.5G"), 1.5);
  EXPECT_EQ(leading_number("UNLIMITED"), std::nullopt);
  EXPECT_EQ(leading_number(""), std::nullopt);
}

TEST(TextFields, trimming_and_splitting) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed("  "), "");
  EXPECT_THAT(split("a||b", '|'), ElementsAre("a", "", "b"));
}

}  // namespace
}  // namespace isoflop
