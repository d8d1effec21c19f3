// SPDX-License-Identifier: MIT
#include "tokenize/byte_tokenizer.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ByteTokenizer, ids_are_the_bytes_and_256_ends_a_document) {
  ByteTokenizer tokenizer;
  std::vector<int32_t> tokens;
  tokenizer.encode("aZ", tokens);
  tokenizer.encode(std::string_view("\0\xc3\xff", 3), tokens);
  tokenizer.end_document(tokens);
  EXPECT_THAT(tokens, ElementsAre(97, 90, 0, 0xc3, 0xff, 256));
  EXPECT_EQ(tokenizer.vocab_size(), 257);
}

TEST(MakeTokenizer, finds_bytes_by_name) { EXPECT_EQ(make_tokenizer("bytes")->name(), "bytes"); }

TEST(MakeTokenizer, unknown_name_is_an_error_with_the_nearest_one) {
  EXPECT_THAT(test::message_of<ConfigError>([] { make_tokenizer("byte"); }),
              HasSubstr("--tokenizer is 'byte' (unknown) (did you mean 'bytes'?)"));
}

}  // namespace
}  // namespace isoflop
