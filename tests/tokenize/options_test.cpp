// SPDX-License-Identifier: MIT
#include "tokenize/options.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

TokenizeOptions parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tokenize");
  return parse_options(static_cast<int>(arguments.size()), arguments.data()).value();
}

std::string error_of(const std::vector<const char*>& arguments) {
  return message_of<ConfigError>([&] { parse(arguments); });
}

TEST(Options, defaults_hold_out_one_percent_of_files) {
  const TokenizeOptions options = parse({"a.txt", "b.txt", "--tokenizer", "bytes", "--out", "d"});
  EXPECT_EQ(options.files.size(), 2u);
  EXPECT_EQ(options.tokenizer, "bytes");
  EXPECT_EQ(options.out, "d");
  EXPECT_EQ(options.documents, DocumentRule::file);
  EXPECT_EQ(options.val_fraction, 0.01);
  EXPECT_EQ(options.shard_tokens, 100'000'000);
  EXPECT_EQ(options.existing, ExistingDataset::refuse);
}

TEST(Options, every_option_is_read) {
  const TokenizeOptions options =
      parse({"a.txt", "--tokenizer", "bytes", "--out", "d", "--documents", "paragraph",
             "--val-fraction", "0.1", "--seed", "3", "--shard-tokens", "500", "--overwrite"});
  EXPECT_EQ(options.documents, DocumentRule::paragraph);
  EXPECT_EQ(options.val_fraction, 0.1);
  EXPECT_EQ(options.seed, 3u);
  EXPECT_EQ(options.shard_tokens, 500);
  EXPECT_EQ(options.existing, ExistingDataset::overwrite);
  const TokenizeOptions other = parse({"a.txt", "--tokenizer", "bytes", "--out", "d", "--separator",
                                       "<|endoftext|>", "--val-files", "v1", "v2"});
  EXPECT_EQ(other.documents, DocumentRule::separator);
  EXPECT_EQ(other.separator, "<|endoftext|>");
  EXPECT_EQ(other.val_files.size(), 2u);
}

TEST(Options, wrong_values_are_errors_that_name_the_option) {
  EXPECT_THAT(error_of({"--tokenizer", "bytes", "--out", "d"}), HasSubstr("FILE is required"));
  EXPECT_THAT(error_of({"a", "--tokenizer", "bytes"}), HasSubstr("--out is required"));
  const std::vector<const char*> good{"a", "--tokenizer", "bytes", "--out", "d"};
  const auto with = [&](std::vector<const char*> more) {
    more.insert(more.begin(), good.begin(), good.end());
    return error_of(more);
  };
  EXPECT_THAT(with({"--val-fraction", "0.6"}), HasSubstr("--val-fraction"));
  EXPECT_THAT(with({"--val-fraction", "-1"}), HasSubstr("--val-fraction"));
  EXPECT_THAT(with({"--val-fraction", "nan"}), HasSubstr("--val-fraction"));
  EXPECT_THAT(with({"--shard-tokens", "0"}), HasSubstr("--shard-tokens"));
  EXPECT_THAT(with({"--shard-tokens", "2147483648"}), HasSubstr("--shard-tokens"));
  EXPECT_THAT(with({"--documents", "chapter"}), HasSubstr("chapter"));
  EXPECT_THAT(with({"--documents", "line", "--separator", "x"}), HasSubstr("excludes"));
  EXPECT_THAT(with({"--val-files", "v", "--val-fraction", "0.1"}), HasSubstr("excludes"));
  EXPECT_THAT(with({"--separator", ""}), HasSubstr("--separator"));
  EXPECT_THAT(with({"--seperator", "x"}), HasSubstr("--seperator"));
}

}  // namespace
}  // namespace isoflop
