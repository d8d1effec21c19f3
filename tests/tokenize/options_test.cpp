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

CommandOptions parse_command(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tokenize");
  return parse_options(static_cast<int>(arguments.size()), arguments.data()).value();
}

TokenizeOptions parse(const std::vector<const char*>& arguments) {
  return std::get<TokenizeOptions>(parse_command(arguments));
}

std::string error_of(const std::vector<const char*>& arguments) {
  return message_of<ConfigError>([&] { parse_command(arguments); });
}

TEST(Options, defaults_hold_out_one_percent_of_files) {
  const TokenizeOptions options = parse({"a.txt", "b.txt", "--tokenizer", "bytes", "--out", "d"});
  EXPECT_EQ(options.files.size(), 2u);
  EXPECT_EQ(options.tokenizer, "bytes");
  EXPECT_EQ(options.out, "d");
  EXPECT_FALSE(options.documents.has_value());
  EXPECT_EQ(options.bad_lines, BadLines::stop);
  EXPECT_EQ(options.unfinished, UnfinishedWork::resume);
  EXPECT_GE(options.n_jobs, 1);
  EXPECT_EQ(options.val_fraction, 0.01);
  EXPECT_EQ(options.shard_tokens, 100'000'000);
  EXPECT_EQ(options.existing, ExistingDataset::refuse);
}

TEST(Options, every_option_is_read) {
  const TokenizeOptions options =
      parse({"a.txt",     "--tokenizer",     "bytes",  "--out",  "d",         "--documents",
             "paragraph", "--val-fraction",  "0.1",    "--seed", "3",         "--shard-tokens",
             "500",       "--overwrite",     "--jobs", "5",      "--restart", "--text-field",
             "body",      "--skip-bad-lines"});
  EXPECT_EQ(options.n_jobs, 5);
  EXPECT_EQ(options.unfinished, UnfinishedWork::discard);
  EXPECT_EQ(options.text_field, "body");
  EXPECT_EQ(options.bad_lines, BadLines::skip);
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

TEST(Options, from_bin_takes_a_tokenizer_or_the_vocabulary_itself) {
  const auto stated = std::get<FromBinOptions>(
      parse_command({"--from-bin", "train.bin", "--val-files", "val.bin", "--out", "d",
                     "--vocab-size", "50257", "--eot-token", "50256", "--shard-tokens", "7"}));
  EXPECT_EQ(stated.files.size(), 1u);
  EXPECT_EQ(stated.val_files.size(), 1u);
  EXPECT_EQ(stated.vocab_size, 50257);
  EXPECT_EQ(stated.eot_token, 50256);
  EXPECT_EQ(stated.shard_tokens, 7);
  const auto named = std::get<FromBinOptions>(parse_command(
      {"--from-bin", "a.bin", "--out", "d", "--tokenizer", "bytes", "--val-fraction", "0.1"}));
  EXPECT_EQ(named.tokenizer, "bytes");
  EXPECT_EQ(named.val_fraction, 0.1);
  EXPECT_THAT(error_of({"--from-bin", "a.bin", "--out", "d"}),
              HasSubstr("--vocab-size is required"));
  EXPECT_THAT(error_of({"--from-bin", "a.bin", "--out", "d", "--tokenizer", "bytes", "--vocab-size",
                        "3", "--eot-token", "1"}),
              HasSubstr("--vocab-size is given (--tokenizer says it)"));
  EXPECT_THAT(
      error_of({"--from-bin", "a.bin", "--out", "d", "--vocab-size", "3", "--eot-token", "3"}),
      HasSubstr("--eot-token is '3' (must be below --vocab-size)"));
  EXPECT_THAT(
      error_of({"--from-bin", "a.bin", "--out", "d", "--tokenizer", "bytes", "--jobs", "2"}),
      HasSubstr("--jobs is given (--from-bin copies ids)"));
  EXPECT_THAT(error_of({"a.txt", "--out", "d", "--tokenizer", "bytes", "--vocab-size", "3"}),
              HasSubstr("--vocab-size is given (it belongs to --from-bin)"));
}

TEST(Options, verify_takes_nothing_else) {
  EXPECT_EQ(std::get<VerifyOptions>(parse_command({"--verify", "d"})).folder, "d");
  EXPECT_THAT(error_of({"--verify", "d", "--jobs", "2"}),
              HasSubstr("--jobs is given (--verify takes nothing else)"));
  EXPECT_THAT(error_of({"a.txt", "--verify", "d"}), HasSubstr("--verify takes nothing else"));
}

TEST(Options, wrong_values_are_errors_that_name_the_option) {
  EXPECT_THAT(error_of({"--tokenizer", "bytes", "--out", "d"}), HasSubstr("FILE is required"));
  EXPECT_THAT(error_of({"a", "--tokenizer", "bytes"}), HasSubstr("--out is required"));
  EXPECT_THAT(error_of({"a", "--out", "d"}), HasSubstr("--tokenizer is required"));
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
  EXPECT_THAT(with({"--jobs", "0"}), HasSubstr("--jobs is '0'"));
  EXPECT_THAT(with({"--text-field", ""}), HasSubstr("--text-field"));
  EXPECT_THAT(with({"--documents", "chapter"}), HasSubstr("chapter"));
  EXPECT_THAT(with({"--documents", "line", "--separator", "x"}), HasSubstr("excludes"));
  EXPECT_THAT(with({"--val-files", "v", "--val-fraction", "0.1"}), HasSubstr("excludes"));
  EXPECT_THAT(with({"--separator", ""}), HasSubstr("--separator"));
  EXPECT_THAT(with({"--seperator", "x"}), HasSubstr("--seperator"));
}

}  // namespace
}  // namespace isoflop
