// SPDX-License-Identifier: MIT
#include "core/data/dataset_index.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::HasSubstr;

DatasetIndex sample_index() {
  DatasetIndex index;
  index.tokenizer = "bytes";
  index.vocab_size = 257;
  index.eot_token = 256;
  index.document_rule = "each file is one document";
  index.validation_rule = "the last 1 % of the text: held out";
  index.sources = {{.path = "/texts/a: b #1.txt", .n_bytes = 3000}};
  index.train = {.n_documents = 1,
                 .n_tokens = 2000,
                 .n_text_bytes = 1999,
                 .shards = {{"train_000000.bin", 1500, 4024, 0x12345678},
                            {"train_000001.bin", 500, 2024, 0x1e5}}};
  index.val = {.n_documents = 1, .n_tokens = 0, .n_text_bytes = 0, .shards = {}};
  index.baselines = NgramBaselines{3.25, 2.5};
  return index;
}

/// The message of loading the sample's text with `from` replaced by `to`.
std::string error_after_edit(const std::string& from, const std::string& to) {
  const TempDir dir;
  std::string text = dataset_index_yaml(sample_index());
  const std::size_t at = text.find(from);
  if (at == std::string::npos) ADD_FAILURE() << from << " is not in\n" << text;
  text.replace(at, from.size(), to);
  write_text_file(dir / "dataset.yaml", text);
  return message_of<ConfigError>([&] { load_dataset_index(dir.path()); });
}

TEST(DatasetIndex, everything_written_is_read_back) {
  const TempDir dir;
  write_dataset_index(dir.path(), sample_index());
  const DatasetIndex index = load_dataset_index(dir.path());
  EXPECT_EQ(dataset_index_yaml(index), dataset_index_yaml(sample_index()));
  EXPECT_EQ(index.sources.at(0).path, "/texts/a: b #1.txt");
  EXPECT_EQ(index.train.shards.at(1).crc32, 0x1e5u);
  EXPECT_EQ(index.train.shards.at(0).n_tokens, 1500);
  EXPECT_TRUE(index.val.shards.empty());
  EXPECT_DOUBLE_EQ(index.baselines->bigram_nats_per_token, 2.5);
}

TEST(DatasetIndex, baselines_may_be_absent) {
  const TempDir dir;
  DatasetIndex written = sample_index();
  written.baselines.reset();
  write_dataset_index(dir.path(), written);
  EXPECT_FALSE(load_dataset_index(dir.path()).baselines.has_value());
}

TEST(DatasetIndex, folder_without_index_holds_no_dataset) {
  const TempDir dir;
  EXPECT_THAT(
      message_of<FileError>([&] { load_dataset_index(dir / "none"); }),
      HasSubstr("none: holds no dataset (dataset.yaml is missing); write one with tokenize"));
}

TEST(DatasetIndex, wrong_values_are_named_with_line_and_key) {
  EXPECT_THAT(error_after_edit("format_version: 1", "format_version: 9"),
              HasSubstr("dataset.yaml:2: format_version is '9' (this program reads version 1)"));
  EXPECT_THAT(error_after_edit("token_dtype: uint16", "token_dtype: int8"),
              HasSubstr("token_dtype is 'int8' (must be uint16 or uint32)"));
  EXPECT_THAT(error_after_edit("eot_token: 256", "eot_token: 257"),
              HasSubstr("eot_token is '257' (must be below vocab_size)"));
  EXPECT_THAT(error_after_edit("n_tokens: 2000", "n_tokens: 2001"),
              HasSubstr("splits.train.n_tokens is '2001' (must be 2000, the sum of its shards)"));
  EXPECT_THAT(error_after_edit("n_bytes: 4024", "n_bytes: 4025"),
              HasSubstr("splits.train.shards[0].n_bytes is '4025' (must be 4024 for 1500 tokens)"));
  EXPECT_THAT(error_after_edit("000001e5", "xyz"), HasSubstr("must be a CRC-32"));
  EXPECT_THAT(error_after_edit("train_000001.bin", "../x.bin"),
              HasSubstr("must be the name of a file in the dataset's folder"));
  EXPECT_THAT(error_after_edit("tokenizer:", "tokeniser:"),
              HasSubstr("'tokenizer' is missing (is 'tokeniser' meant?)"));
}

TEST(DatasetIndex, count_beyond_a_header_word_is_refused) {
  EXPECT_THAT(error_after_edit("n_tokens: 1500", "n_tokens: 2147483648"),
              HasSubstr("(must be at most 2147483647)"));
}

TEST(DatasetIndex, keeps_where_the_vocabulary_is) {
  const TempDir dir;
  DatasetIndex index = sample_index();
  index.vocabulary = VocabularySource{
      .scheme = "gpt2", .files = {"tokenizer/vocab.json", "tokenizer/merges.txt"}, .crc32 = 0xab};
  index.train.n_text_bytes.reset();
  write_dataset_index(dir.path(), index);
  const DatasetIndex loaded = load_dataset_index(dir.path());
  EXPECT_EQ(dataset_index_yaml(loaded), dataset_index_yaml(index));
  EXPECT_EQ(loaded.vocabulary->files.at(1), "tokenizer/merges.txt");
  EXPECT_EQ(loaded.vocabulary->crc32, 0xabu);
  EXPECT_FALSE(loaded.train.n_text_bytes.has_value());
  for (const char* outside : {"/etc/passwd", "../merges.txt", "tokenizer/../../x"}) {
    index.vocabulary->files = {outside};
    write_dataset_index(dir.path(), index);
    EXPECT_THAT(message_of<ConfigError>([&] { load_dataset_index(dir.path()); }),
                HasSubstr("must be the path of a file in the dataset's folder"));
  }
}

}  // namespace
}  // namespace isoflop
