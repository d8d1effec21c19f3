// SPDX-License-Identifier: MIT
#include "trainer/interchange/text_stream.hpp"

#include "core/tokenizer/byte_tokenizer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isoflop {
namespace {

std::vector<int32_t> bytes_of(const std::string& text) {
  ByteTokenizer tokenizer;
  std::vector<int32_t> tokens;
  tokenizer.encode(text, tokens);
  return tokens;
}

TEST(TextStream, characters_come_whole_and_the_prompt_does_not) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, bytes_of("so "));
  std::vector<std::string> parts;
  for (const int32_t token : bytes_of("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8dz"))
    parts.push_back(stream.add(token));
  EXPECT_EQ(parts, (std::vector<std::string>{"a", "", "\xc3\xa9", "", "", "\xe2\x82\xac", "", "",
                                             "", "\xf0\x9f\x8c\x8d", "z"}));
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.text(), "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8dz");
}

TEST(TextStream, what_never_becomes_a_character_comes_at_the_end_or_with_what_follows) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, {});
  EXPECT_EQ(stream.add(0xe2), "");
  EXPECT_EQ(stream.add('x'), "\xe2x");
  EXPECT_EQ(stream.add(0xff), "\xff");
  EXPECT_EQ(stream.add(0xc3), "");
  EXPECT_EQ(stream.finish(), "\xc3");
}

}  // namespace
}  // namespace isoflop
