// SPDX-License-Identifier: MIT
#include "tokenize/tokenize.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"
#include "core/data/token_shard.hpp"
#include "core/tokenizer/tokenizer.hpp"
#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/gzip_file.hpp"
#include "support/temp_dir.hpp"
#include "support/zstd_file.hpp"
#include "tokenize/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

/// A line of a .tiktoken file: the byte in base 64 and its rank, the same number.
std::string base64_byte(int byte) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto high = static_cast<std::size_t>(byte >> 2);
  const auto low = static_cast<std::size_t>((byte & 3) << 4);
  return std::string{kDigits[high], kDigits[low], '=', '='} + " " + std::to_string(byte);
}

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

/// Documents of different lengths as lines of JSON.
std::string json_lines(int n_documents) {
  std::string text;
  for (int i = 0; i < n_documents; ++i)
    text += "{\"id\": " + std::to_string(i) + ", \"text\": \"document " + std::to_string(i) +
            std::string(static_cast<std::size_t>(i % 50), 'x') + "\"}\n";
  return text;
}

TEST(Tokenize, reads_lines_of_json_plain_and_packed) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {});
  write_text_file(dir / "in/a.jsonl",
                  "{\"text\": \"a\\n\u00e9\"}\n\n{\"n\": [1], \"text\": \"b\"}");
  test::write_gzip_file(dir / "in/b.jsonl.gz", "{\"text\": \"c\"}\n{\"text\": \"\"}\n");
  test::write_zstd_file(dir / "in/sub/c.jsonl.zst", "{\"text\": \"d\"}\n");
  write_text_file(dir / "in/.hidden", "no");
  write_text_file(dir / "in/sub/d.txt", "e");
  options.files = {dir / "in"};
  options.val_fraction = 0;
  const DatasetIndex index = tokenize(options).index;
  EXPECT_EQ(decode(options.out, index.train), "a\n\u00e9|b|c|d|e|");
  EXPECT_EQ(index.train.n_documents, 5);
  EXPECT_EQ(index.sources.size(), 4u);
}

TEST(Tokenize, bad_lines_stop_or_are_skipped_and_counted) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {});
  options.files = {dir / "a.jsonl"};
  options.val_fraction = 0;
  const auto error = [&](const std::string& line) {
    write_text_file(dir / "a.jsonl", "{\"text\": \"x\"}\n" + line + "\n");
    return message_of<FileError>([&] { tokenize(options); });
  };
  EXPECT_THAT(error("{\"text\": "), HasSubstr("a.jsonl:2: does not parse as JSON (column"));
  EXPECT_THAT(error("[1]"), HasSubstr("a.jsonl:2: is not a JSON object"));
  EXPECT_THAT(error("{\"Text\": \"x\"}"), HasSubstr("a.jsonl:2: has no field 'text'"));
  EXPECT_THAT(error("{\"o\": {\"text\": \"x\"}}"), HasSubstr("has no field 'text'"));
  EXPECT_THAT(error("{\"text\": 7}"), HasSubstr("a.jsonl:2: has a number as 'text'"));
  EXPECT_THAT(error("{\"text\": \"\xff\"}"), HasSubstr("a.jsonl:2: does not parse as JSON"));
  options.bad_lines = BadLines::skip;
  const TokenizeResult result = tokenize(options);
  EXPECT_EQ(result.n_bad_lines, 1);
  EXPECT_EQ(result.index.train.n_documents, 1);
}

TEST(Tokenize, options_for_a_format_that_no_input_has_are_errors) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"text"});
  options.text_field = "body";
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }),
              HasSubstr("--text-field is given"));
  options.text_field.reset();
  options.bad_lines = BadLines::skip;
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }), HasSubstr("--skip-bad-lines"));
  options.bad_lines = BadLines::stop;
  options.documents = DocumentRule::line;
  write_text_file(dir / "a.jsonl", json_lines(3));
  options.files = {dir / "a.jsonl"};
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }),
              HasSubstr("--documents is given"));
}

/// 6 MB in several files and formats, so that there are several batches of each.
TokenizeOptions large_options(const TempDir& dir) {
  TokenizeOptions options = options_for(dir, {json_lines(2000)});
  write_text_file(dir / "b.jsonl", json_lines(60'000));
  test::write_gzip_file(dir / "c.txt", std::string(1'500'000, 'c') + "\n" + json_lines(10'000));
  options.files = {options.files[0], dir / "b.jsonl", dir / "c.txt"};
  options.val_fraction = 0.3;
  options.shard_tokens = 300'007;
  return options;
}

TEST(Tokenize, any_number_of_jobs_gives_the_same_dataset) {
  const TempDir dir;
  TokenizeOptions options = large_options(dir);
  const std::string one = dataset_index_yaml(tokenize(options).index);
  options.existing = ExistingDataset::overwrite;
  for (const int n_jobs : {2, 5}) {
    options.n_jobs = n_jobs;
    EXPECT_EQ(dataset_index_yaml(tokenize(options).index), one);
  }
}

/// Runs tokenize in a child process that is killed after some time, unless it was faster.
void run_killed(const TokenizeOptions& options, int microseconds) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    tokenize(options);
    _exit(0);
  }
  usleep(static_cast<useconds_t>(microseconds));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(Tokenize, killed_at_any_moment_it_goes_on_to_the_same_dataset) {
  const TempDir dir;
  TokenizeOptions options = large_options(dir);
  options.n_jobs = 2;
  options.keep_every_bytes = 100'000;
  const std::string uncut = dataset_index_yaml(tokenize(options).index);
  int n_resumed = 0;
  for (int round = 0; round < 4; ++round) {
    options.out = dir / ("killed" + std::to_string(round));
    const auto is_done = [&] { return std::filesystem::exists(options.out / kDatasetIndexName); };
    for (int i = 0; i < 3 && !is_done(); ++i)
      run_killed(options, 15'000 + 34'000 * round + 9'000 * i);
    if (is_done()) continue;
    const TokenizeResult result = tokenize(options);
    n_resumed += result.n_bytes_before > 0 ? 1 : 0;
    EXPECT_EQ(dataset_index_yaml(result.index), uncut);
    EXPECT_FALSE(decode(options.out, result.index.train).empty());
    EXPECT_FALSE(std::filesystem::exists(options.out / ".staging"));
  }
  EXPECT_GT(n_resumed, 0) << "no kill left anything to resume";
}

TEST(Tokenize, unfinished_work_is_kept_after_a_full_disk_and_resumed_with_the_same_options_alone) {
  const TempDir dir;
  TokenizeOptions options = large_options(dir);
  options.out = dir / "cut";
  options.keep_every_bytes = 100'000;
  options.shard_tokens = 2'000'000;
  EXPECT_THAT(message_of<FileError>([&] {
                const test::FileSizeLimit limit(1 << 20);
                tokenize(options);
              }),
              HasSubstr("train_000000.bin: cannot write (File too large)"));
  options.seed = 1;
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }),
              HasSubstr("--seed is '1' (the work to be resumed began with '0'); run the command it "
                        "began with, or add --restart"));
  options.seed = 0;
  options.shard_tokens = 300'007;
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }), HasSubstr("--shard-tokens"));
  write_text_file(options.files[0], "changed");
  options.shard_tokens = 2'000'000;
  EXPECT_THAT(message_of<ConfigError>([&] { tokenize(options); }), HasSubstr("input files is"));
  options.unfinished = UnfinishedWork::discard;
  const TokenizeResult result = tokenize(options);
  EXPECT_EQ(result.n_bytes_before, 0);
}

TEST(Tokenize, the_folder_keeps_what_turns_its_ids_into_text) {
  const TempDir dir;
  TokenizeOptions options = options_for(dir, {"plain text"});
  std::string vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary += base64_byte(byte) + "\n";
  write_text_file(dir / "v.tiktoken", vocabulary + "cGw= 256\n");  // "pl"
  options.tokenizer = "gpt2:" + (dir / "v.tiktoken").string();
  options.val_fraction = 0;
  const DatasetIndex index = tokenize(options).index;
  EXPECT_EQ(index.vocab_size, 258);
  EXPECT_EQ(index.tokenizer, "gpt2-" + format_crc32(index.vocabulary->crc32));
  const TokenShard shard(options.out / index.train.shards.at(0).file);
  std::vector<int32_t> tokens(static_cast<std::size_t>(shard.n_tokens()));
  shard.read(0, tokens);
  EXPECT_EQ(tokens.front(), 256);
  std::filesystem::remove(dir / "v.tiktoken");
  EXPECT_EQ(open_dataset_tokenizer(options.out, index)->decode(tokens), "plain text<|endoftext|>");
  write_text_file(options.out / "tokenizer/v.tiktoken", vocabulary);
  EXPECT_THAT(message_of<FileError>([&] { open_dataset_tokenizer(options.out, index); }),
              HasSubstr("the vocabulary was changed"));
  EXPECT_EQ(verify_dataset(options.out).problems.size(), 1u);
}

}  // namespace
}  // namespace isoflop
