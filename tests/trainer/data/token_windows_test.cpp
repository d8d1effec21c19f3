// SPDX-License-Identifier: MIT
#include "trainer/data/token_windows.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "support/tiny_dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using test::write_tiny_dataset;
using testing::ElementsAre;
using testing::HasSubstr;

TokenWindowsOptions options_for(const TempDir& dir, int64_t seq_len, Split split = Split::train) {
  return {.folder = dir.path(), .split = split, .seq_len = seq_len, .model_vocab_size = 257};
}

TEST(TokenWindows, targets_are_inputs_moved_by_one_token) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3, 4, 5, 6, 7, 8}}, .val_shards = {}});
  const TokenWindows windows(options_for(dir, 3));
  ASSERT_EQ(windows.n_windows(), 2);
  std::vector<int32_t> inputs(3);
  std::vector<int32_t> targets(3);
  windows.read(1, inputs, targets);
  EXPECT_THAT(inputs, ElementsAre(4, 5, 6));
  EXPECT_THAT(targets, ElementsAre(5, 6, 7));
}

TEST(TokenWindows, last_window_needs_one_token_more_than_its_inputs) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3, 4, 5, 6}}, .val_shards = {}});
  EXPECT_EQ(TokenWindows(options_for(dir, 3)).n_windows(), 1);
  EXPECT_EQ(TokenWindows(options_for(dir, 5)).n_windows(), 1);
}

TEST(TokenWindows, windows_never_cross_shards) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3, 4}, {5}, {}, {6, 7, 8, 9, 10, 11}},
                                  .val_shards = {}});
  const TokenWindows windows(options_for(dir, 2));
  ASSERT_EQ(windows.n_windows(), 3);
  std::vector<std::vector<int32_t>> all;
  for (int64_t window = 0; window < 3; ++window) {
    std::vector<int32_t> inputs(2);
    std::vector<int32_t> targets(2);
    windows.read(window, inputs, targets);
    all.push_back({inputs[0], inputs[1], targets[1]});
  }
  EXPECT_THAT(all, ElementsAre(ElementsAre(1, 2, 3), ElementsAre(6, 7, 8), ElementsAre(8, 9, 10)));
}

TEST(TokenWindows, kept_tails_hold_what_is_left_of_each_shard) {
  const TempDir dir;
  write_tiny_dataset(dir.path(),
                     {.train_shards = {{1, 2, 3, 4}, {5}, {}, {6, 7, 8, 9, 10}}, .val_shards = {}});
  TokenWindowsOptions options = options_for(dir, 3);
  EXPECT_EQ(TokenWindows(options).n_targets(2), 6);
  options.tail = ShardTail::keep;
  const TokenWindows windows(options);
  ASSERT_EQ(windows.n_windows(), 3);
  EXPECT_EQ(windows.n_targets(1), 3);
  EXPECT_EQ(windows.n_targets(2), 6);
  EXPECT_EQ(windows.n_targets(3), 7);
  std::vector<int32_t> inputs(3);
  std::vector<int32_t> targets(3);
  windows.read(0, inputs, targets);
  EXPECT_THAT(targets, ElementsAre(2, 3, 4));
  windows.read(2, inputs, targets);
  EXPECT_THAT(inputs, ElementsAre(9, 0, 0));
  EXPECT_THAT(targets, ElementsAre(10, -1, -1));
}

TEST(TokenWindows, a_kept_tail_may_be_all_that_there_is) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2}}, .val_shards = {}});
  TokenWindowsOptions options = options_for(dir, 3);
  options.tail = ShardTail::keep;
  EXPECT_EQ(TokenWindows(options).n_targets(1), 1);
}

TEST(TokenWindows, reads_the_split_that_was_asked_for) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3}}, .val_shards = {{4, 5, 6}}});
  std::vector<int32_t> inputs(2);
  std::vector<int32_t> targets(2);
  TokenWindows(options_for(dir, 2, Split::val)).read(0, inputs, targets);
  EXPECT_THAT(targets, ElementsAre(5, 6));
}

TEST(TokenWindows, split_shorter_than_a_window_is_an_error) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3}, {4, 5}}, .val_shards = {}});
  EXPECT_THAT(message_of<ConfigError>([&] { TokenWindows windows(options_for(dir, 3)); }),
              HasSubstr("the training split has 5 tokens (one window needs 4 in one shard)"));
  EXPECT_THAT(
      message_of<ConfigError>([&] { TokenWindows windows(options_for(dir, 3, Split::val)); }),
      HasSubstr("the validation split has 0 tokens"));
}

TEST(TokenWindows, model_with_a_smaller_vocabulary_is_an_error) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3}}, .val_shards = {}});
  TokenWindowsOptions options = options_for(dir, 2);
  options.model_vocab_size = 256;
  EXPECT_THAT(message_of<ConfigError>([&] { TokenWindows windows(options); }),
              HasSubstr("vocab_size is 257 (the model's is 256"));
  options.model_vocab_size = 384;
  EXPECT_EQ(TokenWindows(options).n_windows(), 1);
}

TEST(TokenWindows, missing_shard_is_named_at_start) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3}, {4, 5, 6}}, .val_shards = {}});
  std::filesystem::remove(dir / "train_1.bin");
  EXPECT_THAT(message_of<FileError>([&] { TokenWindows windows(options_for(dir, 2)); }),
              HasSubstr("train_1.bin: cannot open"));
}

TEST(TokenWindows, shard_of_another_dataset_is_named_at_start) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3}}, .val_shards = {{1, 2}}});
  std::filesystem::copy_file(dir / "val_0.bin", dir / "train_0.bin",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(message_of<FileError>([&] { TokenWindows windows(options_for(dir, 2)); }),
              HasSubstr("train_0.bin: holds 2 tokens (dataset.yaml says 3)"));
}

TEST(TokenWindows, shard_of_another_width_is_named_at_start) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3}}, .val_shards = {}});
  ShardWriter writer(dir / "train_0.bin", TokenDtype::uint32);
  writer.append(std::vector<int32_t>{1, 2, 3});
  writer.commit();
  EXPECT_THAT(message_of<FileError>([&] { TokenWindows windows(options_for(dir, 2)); }),
              HasSubstr("train_0.bin: stores uint32 tokens (dataset.yaml says uint16)"));
}

TEST(TokenWindows, flipped_bit_is_found_by_the_checksum) {
  const TempDir dir;
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 2, 3}}, .val_shards = {}});
  std::string bytes = read_text_file(dir / "train_0.bin");
  bytes[1024] ^= 4;
  write_text_file(dir / "train_0.bin", bytes);
  const TokenWindows windows(options_for(dir, 2));
  EXPECT_THAT(message_of<FileError>([&] { windows.verify(0, 1); }),
              testing::ContainsRegex("train_0.bin: checksum is [0-9a-f]+ \\(dataset.yaml says"));
}

TEST(TokenWindows, ranks_share_the_shards_that_are_verified) {
  const TempDir dir;
  write_tiny_dataset(dir.path(),
                     {.train_shards = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, .val_shards = {}});
  EXPECT_NO_THROW(TokenWindows(options_for(dir, 2)).verify(0, 1));
  std::string bytes = read_text_file(dir / "train_1.bin");
  bytes[1024] ^= 4;
  write_text_file(dir / "train_1.bin", bytes);
  const TokenWindows windows(options_for(dir, 2));
  EXPECT_NO_THROW(windows.verify(0, 2));
  EXPECT_THROW(windows.verify(1, 2), FileError);
  EXPECT_NO_THROW(windows.verify(3, 4));
}

TEST(TokenWindows, id_outside_the_vocabulary_is_an_error_when_read) {
  const TempDir dir;
  std::vector<int32_t> inputs(2);
  std::vector<int32_t> targets(2);
  write_tiny_dataset(dir.path(), {.train_shards = {{1, 257, 3}}, .val_shards = {{1, 2, 300}}});
  EXPECT_THAT(
      message_of<FileError>([&] { TokenWindows(options_for(dir, 2)).read(0, inputs, targets); }),
      HasSubstr("train_0.bin: holds token id 257 (vocab_size is 257)"));
  EXPECT_THAT(message_of<FileError>(
                  [&] { TokenWindows(options_for(dir, 2, Split::val)).read(0, inputs, targets); }),
              HasSubstr("val_0.bin: holds token id 300"));
}

}  // namespace
}  // namespace isoflop
