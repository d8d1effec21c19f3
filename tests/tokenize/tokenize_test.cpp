// SPDX-License-Identifier: MIT
#include "tokenize/tokenize.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/token_shard.hpp"
#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/gzip_file.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kEot = '|';  // how decode() shows the end of a document

/// The split's tokens as text, shard after shard.
std::string decode(const std::filesystem::path& folder, const SplitIndex& split) {
  std::string text;
  for (const ShardEntry& entry : split.shards) {
    const TokenShard shard(folder / entry.file);
    EXPECT_EQ(shard.compute_crc32(), entry.crc32) << entry.file;
    std::vector<int32_t> tokens(static_cast<std::size_t>(shard.n_tokens()));
    shard.read(0, tokens);
    for (const int32_t token : tokens) text += token == 256 ? kEot : static_cast<char>(token);
  }
  return text;
}

/// Options for the given texts, written as files 0.txt, 1.txt, ...
TokenizeOptions options_for(const TempDir& dir, const std::vector<std::string>& texts) {
  TokenizeOptions options;
  for (const std::string& text : texts) {
    options.files.push_back(dir / (std::to_string(options.files.size()) + ".txt"));
    write_text_file(options.files.back(), text);
  }
  options.tokenizer = "bytes";
  options.out = dir / "out";
  return options;
}

TEST(Tokenize, of_a_single_document_the_end_is_held_out) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"abcdefghij"});
  options.val_fraction = 0.3;
  const DatasetIndex index = tokenize(options).index;
  EXPECT_EQ(decode(options.out, index.train), "abcdefg|");
  EXPECT_EQ(decode(options.out, index.val), "hij|");
  EXPECT_EQ(index.val.n_text_bytes, 3);
  EXPECT_EQ(index.val.n_documents, 1);
}

TEST(Tokenize, the_tail_is_the_same_from_a_packed_file) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"x"});
  test::write_gzip_file(options.files[0], "abcdefghij");
  options.val_fraction = 0.3;
  EXPECT_EQ(decode(options.out, tokenize(options).index.val), "hij|");
}

TEST(Tokenize, of_several_files_whole_files_are_held_out) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"aa", "bb", "cc"});
  const DatasetIndex index = tokenize(options).index;
  const std::string train = decode(options.out, index.train);
  const std::string val = decode(options.out, index.val);
  EXPECT_EQ(train.size(), 6u);
  EXPECT_EQ(val.size(), 3u);
  EXPECT_EQ(train.find(val), std::string::npos);
}

TEST(Tokenize, documents_are_dealt_to_one_split_each_and_keep_their_order) {
  const TempDir dir;
  std::string text;
  for (int i = 100; i < 300; ++i) text += std::to_string(i) + "\n";
  TokenizeOptions options = options_for(dir, {text});
  options.documents = DocumentRule::line;
  options.val_fraction = 0.25;
  const DatasetIndex index = tokenize(options).index;
  const std::string train = decode(options.out, index.train);
  const std::string val = decode(options.out, index.val);
  EXPECT_EQ(index.train.n_documents + index.val.n_documents, 200);
  // 200 documents at 25 %: mean 50, deviation 6; four deviations either side.
  EXPECT_NEAR(static_cast<double>(index.val.n_documents), 50, 24);
  for (int i = 100; i < 300; ++i) {
    const std::string document = std::to_string(i) + kEot;
    EXPECT_NE(train.find(document) == std::string::npos, val.find(document) == std::string::npos);
  }
  EXPECT_LT(train.find(train.substr(0, 4)), train.find(train.substr(train.size() - 4)));
}

TEST(Tokenize, val_files_are_the_validation_split) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"train", "val"});
  options.val_files = {options.files.back()};
  options.files.pop_back();
  const DatasetIndex index = tokenize(options).index;
  EXPECT_EQ(decode(options.out, index.train), "train|");
  EXPECT_EQ(decode(options.out, index.val), "val|");
}

TEST(Tokenize, no_validation_split_when_the_fraction_is_zero) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"text"});
  options.val_fraction = 0;
  const DatasetIndex index = tokenize(options).index;
  EXPECT_EQ(decode(options.out, index.train), "text|");
  EXPECT_TRUE(index.val.shards.empty());
  EXPECT_FALSE(index.baselines.has_value());
}

TEST(Tokenize, shards_are_full_but_the_last) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"abcdefghij"});
  options.val_fraction = 0;
  options.shard_tokens = 4;
  const SplitIndex train = tokenize(options).index.train;
  ASSERT_EQ(train.shards.size(), 3u);
  EXPECT_EQ(train.shards[0].n_tokens, 4);
  EXPECT_EQ(train.shards[2].n_tokens, 3);
  EXPECT_EQ(train.shards[2].file, "train_000002.bin");
  EXPECT_EQ(decode(options.out, train), "abcdefghij|");
}

TEST(Tokenize, the_folder_holds_the_index_that_is_returned) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {std::string(500, 'a') + std::string(500, 'b')});
  const DatasetIndex index = tokenize(options).index;
  EXPECT_EQ(dataset_index_yaml(load_dataset_index(options.out)), dataset_index_yaml(index));
  EXPECT_EQ(index.sources.at(0).n_bytes, 1000);
  EXPECT_TRUE(index.baselines.has_value());
}

TEST(Tokenize, the_same_input_gives_the_same_bytes) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"a\nb\nc\nd\ne\nf\ng\nh\n"});
  options.documents = DocumentRule::line;
  options.val_fraction = 0.5;
  const DatasetIndex first = tokenize(options).index;
  options.existing = ExistingDataset::overwrite;
  EXPECT_EQ(dataset_index_yaml(tokenize(options).index), dataset_index_yaml(first));
  options.seed = 1;
  EXPECT_NE(dataset_index_yaml(tokenize(options).index), dataset_index_yaml(first));
}

TEST(Tokenize, files_without_text_are_skipped_and_named) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"", "some text"});
  options.val_fraction = 0.2;
  const TokenizeResult result = tokenize(options);
  EXPECT_THAT(result.skipped, ElementsAre(options.files[0]));
  EXPECT_EQ(result.index.sources.size(), 1u);
  EXPECT_EQ(result.index.val.n_text_bytes, 1);
}

TEST(Tokenize, no_text_at_all_is_an_error) {
  const TempDir dir;
  const TokenizeOptions options = options_for(dir, {"", ""});
  EXPECT_THAT(message_of<FileError>([&] { tokenize(options); }),
              HasSubstr("0.txt: holds no text (0 bytes)"));
  EXPECT_FALSE(std::filesystem::exists(options.out));
}

TEST(Tokenize, an_empty_validation_split_is_an_error) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"short"});
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }),
              HasSubstr("--val-fraction is 0.01 (none of the 1 documents was held out)"));
  options.documents = DocumentRule::paragraph;
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }), HasSubstr("documents"));
  EXPECT_FALSE(std::filesystem::exists(options.out));
}

TEST(Tokenize, an_unreadable_later_file_is_named_before_anything_is_written) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"text"});
  options.files.push_back(dir / "none.txt");
  EXPECT_THAT(message_of<FileError>([&] { tokenize(options); }),
              HasSubstr("none.txt: cannot open"));
  EXPECT_FALSE(std::filesystem::exists(options.out));
}

TEST(Tokenize, full_disk_is_an_error_and_leaves_the_old_dataset) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {std::string(5000, 'a')});
  const DatasetIndex old_index = tokenize(options).index;
  options.existing = ExistingDataset::overwrite;
  const std::string message = message_of<FileError>([&] {
    const test::FileSizeLimit limit(4096);
    tokenize(options);
  });
  EXPECT_THAT(message, HasSubstr("train_000000.bin: cannot write (File too large)"));
  EXPECT_EQ(dataset_index_yaml(load_dataset_index(options.out)), dataset_index_yaml(old_index));
  EXPECT_EQ(decode(options.out, old_index.train), std::string(4950, 'a') + kEot);
}

}  // namespace
}  // namespace isoflop
