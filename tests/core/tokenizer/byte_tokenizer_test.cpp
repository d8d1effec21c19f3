// SPDX-License-Identifier: MIT
#include "core/tokenizer/byte_tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

using testing::ElementsAre;

TEST(ByteTokenizer, ids_are_the_bytes_and_256_is_end_of_text) {
  ByteTokenizer tokenizer;
  std::vector<int32_t> tokens;
  tokenizer.encode("aZ", tokens);
  tokenizer.encode(std::string_view("\0\xc3\xff", 3), tokens);
  EXPECT_THAT(tokens, ElementsAre(97, 90, 0, 0xc3, 0xff));
  EXPECT_EQ(tokenizer.vocab_size(), 257);
  EXPECT_EQ(tokenizer.eot_token(), 256);
}

TEST(ByteTokenizer, decodes_what_it_encoded_and_names_the_end_of_text) {
  ByteTokenizer tokenizer;
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{97, 0xff, 256}), "a\xff<|endoftext|>");
}

}  // namespace
}  // namespace isoflop
