// SPDX-License-Identifier: MIT
#include "tokenize/from_bin.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/token_shard.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "tokenize/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void write_ids(const std::filesystem::path& path, const std::vector<uint16_t>& ids) {
  write_text_file(path, {reinterpret_cast<const char*>(ids.data()), ids.size() * 2});
}

std::vector<int32_t> ids_of(const std::filesystem::path& folder, const SplitIndex& split) {
  std::vector<int32_t> all;
  for (const ShardEntry& entry : split.shards) {
    const TokenShard shard(folder / entry.file);
    std::vector<int32_t> ids(static_cast<std::size_t>(shard.n_tokens()));
    shard.read(0, ids);
    all.insert(all.end(), ids.begin(), ids.end());
  }
  return all;
}

FromBinOptions options_in(const TempDir& dir) {
  FromBinOptions options;
  options.files = {dir / "train.bin"};
  options.vocab_size = 100;
  options.eot_token = 99;
  options.out = dir / "out";
  return options;
}

TEST(FromBin, ids_are_copied_and_their_end_is_held_out) {
  const TempDir dir;
  FromBinOptions options = options_in(dir);
  write_ids(dir / "train.bin", {1, 2, 99, 3, 99, 4, 5, 99});
  options.val_fraction = 0.4;
  const DatasetIndex index = tokenize_from_bin(options).index;
  EXPECT_THAT(ids_of(options.out, index.train), ElementsAre(1, 2, 99, 3, 99));
  EXPECT_THAT(ids_of(options.out, index.val), ElementsAre(4, 5, 99));
  EXPECT_EQ(index.train.n_documents, 2);
  EXPECT_EQ(index.train.n_text_bytes, std::nullopt);
  EXPECT_EQ(index.tokenizer, "ids-100");
  EXPECT_EQ(dataset_index_yaml(load_dataset_index(options.out)), dataset_index_yaml(index));
}

TEST(FromBin, a_validation_file_is_the_validation_split) {
  const TempDir dir;
  FromBinOptions options = options_in(dir);
  write_ids(dir / "train.bin", {1, 99});
  write_ids(dir / "val.bin", {2, 99});
  options.val_files = {dir / "val.bin"};
  options.vocab_size.reset();
  options.eot_token.reset();
  options.tokenizer = "bytes";
  const DatasetIndex index = tokenize_from_bin(options).index;
  EXPECT_THAT(ids_of(options.out, index.train), ElementsAre(1, 99));
  EXPECT_THAT(ids_of(options.out, index.val), ElementsAre(2, 99));
  EXPECT_EQ(index.vocab_size, 257);
}

TEST(FromBin, wrong_files_are_named_and_leave_nothing) {
  const TempDir dir;
  const FromBinOptions options = options_in(dir);
  const auto error = [&] { return message_of<FileError>([&] { tokenize_from_bin(options); }); };
  EXPECT_THAT(error(), HasSubstr("train.bin: cannot open"));
  write_ids(dir / "train.bin", {1, 2, 100, 3});
  EXPECT_THAT(error(), HasSubstr("train.bin: id 2 is 100 (the vocabulary has 100)"));
  write_text_file(dir / "train.bin", "abc");
  EXPECT_THAT(error(), HasSubstr("train.bin: has 3 bytes (an id has two)"));
  write_text_file(dir / "train.bin", "");
  EXPECT_THAT(error(), HasSubstr("train.bin: holds no ids"));
  const int32_t magic = 20240520;
  write_text_file(dir / "train.bin", {reinterpret_cast<const char*>(&magic), 4});
  EXPECT_THAT(error(), HasSubstr("train.bin: begins with a header of llm.c's format"));
  EXPECT_FALSE(std::filesystem::exists(options.out));
}

TEST(Verify, names_every_bad_shard) {
  const TempDir dir;
  FromBinOptions options = options_in(dir);
  write_ids(dir / "train.bin", {1, 2, 3, 4, 5, 6, 7, 8});
  options.shard_tokens = 2;
  options.val_fraction = 0;
  tokenize_from_bin(options);
  EXPECT_THAT(verify_dataset(options.out).problems, IsEmpty());
  EXPECT_EQ(verify_dataset(options.out).n_tokens, 8);
  std::string bytes = read_text_file(options.out / "train_000001.bin");
  bytes.back() ^= 1;
  write_text_file(options.out / "train_000001.bin", bytes);
  std::filesystem::remove(options.out / "train_000003.bin");
  EXPECT_THAT(verify_dataset(options.out).problems,
              ElementsAre(HasSubstr("train_000001.bin: checksum is"),
                          HasSubstr("train_000003.bin: cannot open")));
}

}  // namespace
}  // namespace isoflop
