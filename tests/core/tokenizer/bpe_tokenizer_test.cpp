// SPDX-License-Identifier: MIT
// tests/tokenize/tiktoken_test.py compares with tiktoken; here are answers by hand and the errors.
#include "core/tokenizer/bpe_tokenizer.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/tokenizer/base64.hpp"
#include "core/tokenizer/byte_alphabet.hpp"
#include "core/tokenizer/utf8.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

std::string base64(const std::string& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * k) & 63];
  }
  return text;
}

/// Ids 0 to 255 are the bytes, 256 on are `more`, then the end of text.
std::string tiktoken_text(const std::vector<std::string>& more) {
  std::string text;
  int rank = 0;
  for (; rank < 256; ++rank)
    text += fmt::format("{} {}\n", base64(std::string(1, static_cast<char>(rank))), rank);
  for (const std::string& token : more) text += fmt::format("{} {}\n", base64(token), rank++);
  return text;
}

std::vector<int32_t> encode(Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> tokens;
  tokenizer.encode(text, tokens);
  return tokens;
}

TEST(BpeTokenizer, merges_the_lowest_rank_first_and_of_equal_ones_the_leftmost) {
  const TempDir dir;
  write_text_file(dir / "v.tiktoken", tiktoken_text({"bc", "ab", "aa", "abc"}));
  BpeTokenizer tokenizer(dir / "v.tiktoken");
  EXPECT_EQ(tokenizer.vocab_size(), 261);
  EXPECT_EQ(tokenizer.eot_token(), 260);
  EXPECT_THAT(encode(tokenizer, "abcx"), ElementsAre(259, 'x'));  // a bc, then abc of a and bc
  EXPECT_THAT(encode(tokenizer, "aaa"), ElementsAre(258, 'a'));
}

TEST(BpeTokenizer, a_long_word_gives_what_short_ones_give) {
  const TempDir dir;
  write_text_file(dir / "v.tiktoken", tiktoken_text({"ab", "abab", "ba"}));
  BpeTokenizer tokenizer(dir / "v.tiktoken");
  std::string word;
  for (int i = 0; i < 500; ++i) word += "ab";
  EXPECT_EQ(encode(tokenizer, word), std::vector<int32_t>(250, 257));
}

TEST(BpeTokenizer, words_are_cut_as_gpt2_cuts_them) {
  const WordSplitter words;
  const std::string text = "We'll  see 12abc'S!?\n\n x\u00a0y  ";
  std::vector<std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = words.word_end(text, at);
    found.push_back(text.substr(at, end - at));
    at = end;
  }
  EXPECT_THAT(found, ElementsAre("We", "'ll", " ", " see", " 12", "abc", "'", "S", "!?", "\n\n",
                                 " x", "\u00a0", "y", "  "));
}

TEST(BpeTokenizer, a_cut_lies_before_white_space_that_follows_something_else) {
  const WordSplitter words;
  EXPECT_EQ(words.last_sure_end("one two  "), 7u);
  EXPECT_EQ(words.last_sure_end("one"), 0u);
  EXPECT_EQ(words.last_sure_end("x\u3000 y"), 0u);  // white space before white space
  EXPECT_EQ(words.last_sure_end("\xff\x80 y"), 2u);
}

TEST(BpeTokenizer, decodes_to_the_text) {
  const TempDir dir;
  write_text_file(dir / "v.tiktoken", tiktoken_text({"ab", "\xe2\x82"}));
  BpeTokenizer tokenizer(dir / "v.tiktoken");
  const std::string text = "ab \u20ac <|endoftext|> '\u3000";
  std::vector<int32_t> tokens = encode(tokenizer, text);
  EXPECT_THAT(tokens, testing::Not(testing::Contains(tokenizer.eot_token())));
  tokens.push_back(tokenizer.eot_token());
  EXPECT_EQ(tokenizer.decode(tokens), text + "<|endoftext|>");
  EXPECT_EQ(tokenizer.clone()->decode(tokens), text + "<|endoftext|>");
}

TEST(BpeTokenizer, invalid_utf8_becomes_replacement_characters_as_in_python) {
  std::string storage;
  EXPECT_EQ(replace_invalid_utf8("\xe2\x82 \xed\xa0\x80 \xf0\x9f\x98", storage),
            "\ufffd \ufffd\ufffd\ufffd \ufffd");
  EXPECT_EQ(replace_invalid_utf8("\u20ac", storage), "\u20ac");
}

/// The message of loading the text as a .tiktoken file.
std::string tiktoken_error(const std::string& text) {
  const TempDir dir;
  write_text_file(dir / "v.tiktoken", text);
  return message_of<ConfigError>([&] { BpeTokenizer tokenizer(dir / "v.tiktoken"); });
}

TEST(BpeTokenizer, a_wrong_tiktoken_file_is_named_with_its_line) {
  const std::string good = tiktoken_text({"ab"});
  EXPECT_THAT(tiktoken_error(good + "YWI= 300\n"), HasSubstr("v.tiktoken:258: id is 300"));
  EXPECT_THAT(tiktoken_error(good + "YWI= 3\n"), HasSubstr("258: id is 3 (an earlier token"));
  EXPECT_THAT(tiktoken_error(good + "YWI= 257\n"), HasSubstr("the same token as an earlier one"));
  EXPECT_THAT(tiktoken_error(good + "Y*== 257\n"), HasSubstr("token is 'Y*==' (not base 64)"));
  EXPECT_THAT(tiktoken_error(good + "YWM= x\n"), HasSubstr("rank is 'x'"));
  EXPECT_THAT(tiktoken_error(good + "YWM=\n"),
              HasSubstr("must be a token in base 64 and its rank"));
  EXPECT_THAT(tiktoken_error(""), HasSubstr("has 0 tokens"));
  EXPECT_THAT(tiktoken_error("YQ== 0\n"), HasSubstr("has no token for byte 0x00"));
}

/// GPT-2's folder with tokens for all bytes and the merges given.
void write_folder(const TempDir& dir, const std::string& merges, const std::string& more_vocab) {
  std::string vocab = "{";
  int id = 0;
  for (char32_t point = 0; id < 256; ++point) {
    std::string utf8;
    if (point < 0x80) {
      utf8 = static_cast<char>(point);
    } else {
      utf8 = {static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 0x3F))};
    }
    if (!bytes_of_alphabet(utf8)) continue;
    vocab += fmt::format("\"{}{}\": {}, ", utf8 == "\"" || utf8 == "\\" ? "\\" : "", utf8, id++);
  }
  write_text_file(dir / "vocab.json", vocab + more_vocab + "}");
  write_text_file(dir / "merges.txt", merges);
}

std::string folder_error(const std::string& merges, const std::string& more_vocab) {
  const TempDir dir;
  write_folder(dir, merges, more_vocab);
  return message_of<ConfigError>([&] { BpeTokenizer tokenizer(dir.path()); });
}

TEST(BpeTokenizer, of_vocab_and_merges_only_the_pairs_listed_merge) {
  const TempDir dir;
  write_folder(dir, "#version: 0.2\na b\nab c\n",
               R"("ab": 256, "abc": 257, "bc": 258, "<|endoftext|>": 259)");
  BpeTokenizer tokenizer(dir.path());
  EXPECT_EQ(tokenizer.eot_token(), 259);
  EXPECT_THAT(encode(tokenizer, "abc"), ElementsAre(257));
  EXPECT_THAT(encode(tokenizer, "xbc").size(), 3u);  // "bc" is a token that no merge makes
}

TEST(BpeTokenizer, wrong_vocab_and_merges_are_named) {
  const std::string eot = R"("<|endoftext|>": 256)";
  EXPECT_THAT(folder_error("", R"("ab": 256)"),
              HasSubstr("vocab.json: has no token '<|endoftext|>'"));
  EXPECT_THAT(folder_error("a b\n", eot), HasSubstr("merges.txt:1: 'ab' is not in the vocabulary"));
  EXPECT_THAT(folder_error("#version: 0.2\nab\n", eot),
              HasSubstr("merges.txt:2: must be two tokens"));
  EXPECT_THAT(folder_error("", R"("a b": 257, )" + eot),
              HasSubstr("'a b' is not in GPT-2's alphabet"));
  EXPECT_THAT(folder_error("", R"("ab": "x", )" + eot),
              HasSubstr("\"ab\" is \"x\" (must be an integer)"));
  EXPECT_THAT(folder_error("", R"("ab": 999, )" + eot), HasSubstr("id is 999"));
}

}  // namespace
}  // namespace isoflop
