// SPDX-License-Identifier: MIT
#include "trainer/console/labelled_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(LabelledText, texts_stand_beside_their_labels) {
  LabelledText text;
  text.add("model", "12L");
  text.more("12 layers");
  text.add("parameters", "7");
  EXPECT_THAT(text.lines(),
              testing::ElementsAre("model       12L", "            12 layers", "parameters  7"));
}

TEST(LabelledText, long_texts_are_wrapped_between_words) {
  LabelledText text;
  std::string words;
  for (int i = 0; i < 40; ++i) words += "seven77 ";
  text.add("memory", words + std::string(120, 'x'));
  ASSERT_EQ(text.lines().size(), 6U);  // nine words a line, and one that is too long for any
  for (std::size_t i = 0; i < 5; ++i) EXPECT_LE(text.lines()[i].size(), 89U);
  EXPECT_THAT(text.lines()[1], testing::StartsWith("            seven77 seven77"));
  EXPECT_EQ(text.lines()[5], std::string(12, ' ') + std::string(120, 'x'));
}

}  // namespace
}  // namespace isoflop
