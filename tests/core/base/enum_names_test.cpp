// SPDX-License-Identifier: MIT
#include "core/base/enum_names.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

enum class Color { red, green, blue };
constexpr std::array<EnumName<Color>, 2> kColors{{{Color::red, "red"}, {Color::green, "green"}}};

TEST(EnumNames, names_and_reads_back) {
  EXPECT_EQ(enum_name(kColors, Color::green), "green");
  EXPECT_EQ(read_enum(ConfigNode::parse("red", "a.yaml"), kColors), Color::red);
}

TEST(EnumNames, other_words_are_refused_with_those_allowed) {
  EXPECT_THAT(test::message_of<ConfigError>(
                  [] { read_enum(ConfigNode::parse("pink", "a.yaml"), kColors); }),
              HasSubstr("is 'pink' (must be one of red, green)"));
}

TEST(EnumNames, a_value_without_name_is_a_defect) {
  EXPECT_THROW(enum_name(kColors, Color::blue), std::logic_error);
}

}  // namespace
}  // namespace isoflop
