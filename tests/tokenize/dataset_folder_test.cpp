// SPDX-License-Identifier: MIT
#include "tokenize/dataset_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

DatasetIndex index_of_one_shard(const std::string& file) {
  DatasetIndex index;
  index.tokenizer = "bytes";
  index.vocab_size = 257;
  index.eot_token = 256;
  index.train.shards = {{file, 0, 1024, 0}};
  return index;
}

void publish_shard(const std::filesystem::path& path, const std::string& name) {
  DatasetFolder folder(path, ExistingDataset::overwrite);
  write_text_file(folder.staging() / name, "x");
  folder.publish(index_of_one_shard(name));
}

TEST(DatasetFolder, publishes_staged_shards_and_the_index) {
  const TempDir dir;
  publish_shard(dir / "a/b", "train_000000.bin");
  EXPECT_THAT(names_in(dir / "a/b"), ElementsAre("dataset.yaml", "train_000000.bin"));
}

TEST(DatasetFolder, publishing_replaces_old_shards_and_nothing_else) {
  const TempDir dir;
  write_text_file(dir / "notes.txt", "mine");
  write_text_file(dir / "train_notes.bin", "mine");
  publish_shard(dir.path(), "train_000007.bin");
  publish_shard(dir.path(), "val_000000.bin");
  EXPECT_THAT(names_in(dir.path()),
              ElementsAre("dataset.yaml", "notes.txt", "train_notes.bin", "val_000000.bin"));
}

TEST(DatasetFolder, failing_before_publish_leaves_the_old_dataset) {
  const TempDir dir;
  publish_shard(dir.path(), "train_000000.bin");
  {
    DatasetFolder folder(dir.path(), ExistingDataset::overwrite);
    write_text_file(folder.staging() / "train_000000.bin", "new");
  }
  EXPECT_THAT(names_in(dir.path()), ElementsAre("dataset.yaml", "train_000000.bin"));
  EXPECT_EQ(read_text_file(dir / "train_000000.bin"), "x");
}

TEST(DatasetFolder, failing_before_publish_leaves_no_new_folder) {
  const TempDir dir;
  { DatasetFolder folder(dir / "new", ExistingDataset::refuse); }
  EXPECT_FALSE(std::filesystem::exists(dir / "new"));
}

// As publish() leaves the folder when it is killed: some shards moved, dataset.yaml not there yet.
TEST(DatasetFolder, shards_that_a_killed_run_was_moving_are_staged_again) {
  const TempDir dir;
  write_text_file(dir / "train_000000.bin", "moved");
  write_text_file(dir / ".staging/train_000001.bin", "not yet");
  write_text_file(dir / ".staging/moving", "");
  write_text_file(dir / ".staging/state.yaml", "");
  DatasetFolder folder(dir.path(), ExistingDataset::refuse);
  EXPECT_THAT(names_in(dir.path()), ElementsAre(".staging"));
  EXPECT_THAT(names_in(folder.staging()),
              ElementsAre("state.yaml", "train_000000.bin", "train_000001.bin"));
}

TEST(DatasetFolder, a_dataset_whose_run_was_killed_behind_its_last_write_is_whole) {
  const TempDir dir;
  publish_shard(dir.path(), "train_000000.bin");
  write_text_file(dir / ".staging/moving", "");
  write_text_file(dir / ".staging/state.yaml", "");
  const DatasetFolder folder(dir.path(), ExistingDataset::overwrite);
  EXPECT_FALSE(folder.has_unfinished_work());
  EXPECT_THAT(names_in(dir.path()), ElementsAre(".staging", "dataset.yaml", "train_000000.bin"));
}

TEST(DatasetFolder, what_a_killed_run_staged_is_cleared) {
  const TempDir dir;
  write_text_file(dir / ".staging/train_000000.bin.part77", "half");
  DatasetFolder folder(dir.path(), ExistingDataset::refuse);
  EXPECT_TRUE(std::filesystem::is_empty(folder.staging()));
}

TEST(DatasetFolder, an_existing_dataset_is_refused) {
  const TempDir dir;
  publish_shard(dir.path(), "train_000000.bin");
  EXPECT_THAT(
      message_of<ConfigError>([&] { DatasetFolder folder(dir.path(), ExistingDataset::refuse); }),
      HasSubstr("(it holds a dataset already); add --overwrite"));
}

TEST(DatasetFolder, a_second_writer_is_refused) {
  const TempDir dir;
  const DatasetFolder first(dir.path(), ExistingDataset::refuse);
  EXPECT_THAT(
      message_of<FileError>([&] { DatasetFolder second(dir.path(), ExistingDataset::refuse); }),
      HasSubstr("another tokenize is writing here"));
  EXPECT_TRUE(std::filesystem::exists(first.staging()));
}

TEST(DatasetFolder, a_file_in_the_way_is_named) {
  const TempDir dir;
  write_text_file(dir / "f", "");
  EXPECT_THAT(
      message_of<FileError>([&] { DatasetFolder folder(dir / "f/sub", ExistingDataset::refuse); }),
      HasSubstr("f/sub: cannot create the folder (Not a directory)"));
  EXPECT_THAT(
      message_of<FileError>([&] { DatasetFolder folder(dir / "f", ExistingDataset::refuse); }),
      HasSubstr("f: cannot create the folder"));
}

TEST(DatasetFolder, the_vocabulary_is_copied_and_replaced) {
  const TempDir dir;
  write_text_file(dir / "v/merges.txt", "old");
  const VocabularySource vocabulary{.scheme = "gpt2", .files = {dir / "v/merges.txt"}, .crc32 = 1};
  for (const char* text : {"old", "new"}) {
    write_text_file(dir / "v/merges.txt", text);
    DatasetFolder folder(dir / "d", ExistingDataset::overwrite);
    EXPECT_EQ(folder.stage_vocabulary(vocabulary).files.at(0), "tokenizer/merges.txt");
    write_text_file(folder.staging() / "train_000000.bin", "x");
    folder.publish(index_of_one_shard("train_000000.bin"));
    EXPECT_EQ(read_text_file(dir / "d/tokenizer/merges.txt"), text);
  }
  publish_shard(dir / "d", "train_000000.bin");
  EXPECT_FALSE(std::filesystem::exists(dir / "d/tokenizer"));
}

TEST(DatasetFolder, staging_with_a_work_state_stays_for_a_resume) {
  const TempDir dir;
  {
    DatasetFolder folder(dir / "d", ExistingDataset::refuse);
    write_text_file(folder.staging() / "state.yaml", "");
  }
  EXPECT_TRUE(DatasetFolder(dir / "d", ExistingDataset::refuse).has_unfinished_work());
  EXPECT_FALSE(DatasetFolder(dir / "d", ExistingDataset::refuse, UnfinishedWork::discard)
                   .has_unfinished_work());
  EXPECT_FALSE(std::filesystem::exists(dir / "d/.staging"));
}

}  // namespace
}  // namespace isoflop
