// SPDX-License-Identifier: MIT
// The program as a user runs it: exit codes, one error line, no torn dataset after kill -9.
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/dataset_index.hpp"
#include "core/data/token_shard.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace isoflop {
namespace {

using test::ProgramResult;
using test::TempDir;
using testing::HasSubstr;
using testing::StartsWith;

class TokenizeProgram : public testing::Test {
 protected:
  ProgramResult tokenize(const std::string& arguments) const {
    return test::run_command("cd " + dir_.path().string() + " && " +
                             test::program_path("tokenize") + " " + arguments);
  }

  void expect_error(const std::string& arguments, ExitCode code, const std::string& text) const {
    const ProgramResult result = tokenize(arguments);
    EXPECT_EQ(result.exit_code, static_cast<int>(code)) << result.output;
    EXPECT_THAT(result.output, StartsWith("tokenize: error: "));
    EXPECT_THAT(result.output, HasSubstr(text));
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
  }

  TempDir dir_;
};

TEST_F(TokenizeProgram, says_what_it_wrote_and_what_comes_next) {
  write_text_file(dir_ / "a.txt", std::string(1000, 'a'));
  const ProgramResult result = tokenize("a.txt --tokenizer bytes --out data/x");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("wrote data/x/dataset.yaml"));
  EXPECT_THAT(result.output, HasSubstr("validation: the last 1.00 % of the one document"));
  EXPECT_THAT(result.output,
              HasSubstr("next: planner CLUSTER.yaml --hours H --data data/x, or trainer "));
  EXPECT_EQ(load_dataset_index(dir_ / "data/x").train.n_tokens, 991);
}

TEST_F(TokenizeProgram, help_exits_with_zero) {
  const ProgramResult result = tokenize("--help");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("--val-fraction"));
}

TEST_F(TokenizeProgram, each_error_is_one_line_with_its_exit_code) {
  write_text_file(dir_ / "a.txt", std::string(1000, 'a'));
  expect_error("a.txt --tokenizer bytes", ExitCode::kUsage, "--out is required");
  expect_error("a.txt --tokenizer gpt5 --out d", ExitCode::kUsage, "--tokenizer is 'gpt5'");
  expect_error("a.txt --tokenizer bytes --out d --shard-tokens x", ExitCode::kUsage,
               "--shard-tokens");
  expect_error("a.txt --tokenizer bytes --out ''", ExitCode::kUsage, "--out is ''");
  expect_error("a.txt --tokenizer bytes --out d --val-files ./a.txt", ExitCode::kUsage,
               "--val-files is './a.txt' (it is among the training files too)");
  expect_error("none.txt --tokenizer bytes --out d", ExitCode::kFile, "none.txt: cannot open");
  std::filesystem::create_directory(dir_ / "empty");
  expect_error("empty --tokenizer bytes --out d", ExitCode::kFile,
               "empty: the folder holds no files");
  expect_error("a.txt --tokenizer gpt2 --out d", ExitCode::kUsage,
               "--tokenizer is 'gpt2' (without its vocabulary)");
  expect_error("a.txt --tokenizer gpt2:none --out d", ExitCode::kFile, "none: cannot open");
  expect_error("a.txt --tokenizer gpt2:empty --out d", ExitCode::kFile,
               "empty: holds no vocabulary");
  expect_error("a.txt --tokenizer sentencepiece:a.txt --out d", ExitCode::kUsage,
               "a.txt: is not a SentencePiece model");
  expect_error("a.txt --tokenizer bytes --out d --text-field body", ExitCode::kUsage,
               "--text-field is given (no input is a .jsonl file)");
  expect_error("a.txt --tokenizer bytes --out a.txt", ExitCode::kFile, "a.txt: cannot create");
  EXPECT_EQ(tokenize("a.txt --tokenizer bytes --out d").exit_code, 0);
  expect_error("a.txt --tokenizer bytes --out d", ExitCode::kUsage, "--overwrite");
}

TEST_F(TokenizeProgram, unreadable_file_is_a_file_error) {
  if (geteuid() == 0) {
    // Root reads everything: the nearest it can see is a link that leads nowhere.
    std::filesystem::create_symlink("nowhere", dir_ / "a.txt");
    return expect_error("a.txt --tokenizer bytes --out d", ExitCode::kFile, "a.txt: cannot open");
  }
  write_text_file(dir_ / "a.txt", "text");
  std::filesystem::permissions(dir_ / "a.txt", std::filesystem::perms::none);
  expect_error("a.txt --tokenizer bytes --out d", ExitCode::kFile, "Permission denied");
}

TEST_F(TokenizeProgram, skipped_input_has_its_own_exit_code) {
  write_text_file(dir_ / "a.txt", std::string(1000, 'a'));
  write_text_file(dir_ / "empty.txt", "");
  const ProgramResult result = tokenize("a.txt empty.txt --tokenizer bytes --out d");
  EXPECT_EQ(result.exit_code, static_cast<int>(ExitCode::kSkippedInput));
  EXPECT_THAT(result.output, HasSubstr("empty.txt: skipped (it holds no text)"));
}

TEST_F(TokenizeProgram, full_disk_is_a_file_error) {
  write_text_file(dir_ / "a.txt", std::string(1'000'000, 'a'));
  // ulimit -f counts blocks of 512 or 1024 bytes; beyond it a write fails like on a full disk.
  const ProgramResult result =
      test::run_command("cd " + dir_.path().string() + " && trap '' XFSZ && ulimit -f 100 && " +
                        test::program_path("tokenize") + " a.txt --tokenizer bytes --out d");
  EXPECT_EQ(result.exit_code, static_cast<int>(ExitCode::kFile)) << result.output;
  EXPECT_THAT(result.output, HasSubstr("cannot write (File too large)"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "d"));
}

/// Every shard that the index names is whole.
void expect_whole_dataset(const std::filesystem::path& folder) {
  const DatasetIndex index = load_dataset_index(folder);
  for (const SplitIndex* split : {&index.train, &index.val}) {
    for (const ShardEntry& entry : split->shards)
      EXPECT_EQ(TokenShard(folder / entry.file).compute_crc32(), entry.crc32) << entry.file;
  }
}

TEST_F(TokenizeProgram, killed_at_any_moment_leaves_a_whole_dataset_or_none) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + "\n";
  write_text_file(dir_ / "a.txt", text);
  const std::string arguments =
      " a.txt --tokenizer bytes --documents line --shard-tokens 100000 --overwrite --out ";
  int n_without = 0;
  for (int milliseconds = 1; milliseconds <= 20; ++milliseconds) {
    const std::string out = "d" + std::to_string(milliseconds % 2);
    const ProgramResult killed =
        test::run_command("cd " + dir_.path().string() + " && timeout -s KILL " +
                          std::to_string(static_cast<double>(milliseconds * 6) / 1000) + " " +
                          test::program_path("tokenize") + arguments + out);
    static_cast<void>(killed);
    if (std::filesystem::exists(dir_ / (out + "/dataset.yaml"))) {
      expect_whole_dataset(dir_ / out);
    } else {
      ++n_without;
    }
  }
  EXPECT_GT(n_without, 0) << "no kill came early enough to matter";
  const ProgramResult after = tokenize(arguments + "d0");
  EXPECT_EQ(after.exit_code, 0) << after.output;
  expect_whole_dataset(dir_ / "d0");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "d0/.staging"));
}

}  // namespace
}  // namespace isoflop
