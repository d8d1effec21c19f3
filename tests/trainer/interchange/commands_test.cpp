// SPDX-License-Identifier: MIT
#include "trainer/interchange/commands.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"
#include "tiny_training.hpp"
#include "tiny_transformers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

EnvironmentLookup environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(InterchangeCommands, are_found_by_their_first_word) {
  const std::array<const char*, 2> sample = {"trainer", "sample"};
  const std::array<const char*, 2> config = {"trainer", "train.yaml"};
  EXPECT_TRUE(is_interchange_command(2, sample.data()));
  EXPECT_FALSE(is_interchange_command(2, config.data()));
  EXPECT_FALSE(is_interchange_command(1, sample.data()));
  for (const char* const name : {"export", "import", "eval", "sample"})
    EXPECT_THAT(interchange_help(), HasSubstr(std::string("\n  ") + name));
}

TEST(InterchangeCommands, of_one_process_refuse_to_be_started_several_times) {
  require_one_process("export", environment_of({}));
  require_one_process(
      "export", environment_of({{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}}));
  EXPECT_THAT(message_of<ConfigError>([] {
                require_one_process("export", environment_of({{"OMPI_COMM_WORLD_SIZE", "4"},
                                                              {"OMPI_COMM_WORLD_RANK", "3"}}));
              }),
              HasSubstr("trainer export works in one process (4 were started)"));
}

/// What a command prints.
std::string run(std::vector<std::string> words) {
  words.insert(words.begin(), "trainer");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::unique_ptr<Launch> launch;
  testing::internal::CaptureStdout();
  const int exit_code =
      run_interchange_command(static_cast<int>(words.size()), argv.data(), launch);
  std::fflush(stdout);
  std::string output = testing::internal::GetCapturedStdout();
  EXPECT_EQ(exit_code, 0) << output;
  return output;
}

/// The error of a command, which prints nothing.
std::string problem(const std::vector<std::string>& words) {
  std::string message = message_of<Error>([&] { run(words); });
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  return message;
}

class CommandLines : public testing::Test {
 protected:
  CommandLines() {
    test::write_reference_model(folder_ / "model", "llama");
    import_output_ = run({"import", folder_ / "model", "--to", folder_ / "ckpt"});
  }
  test::TempDir folder_;
  std::string import_output_;
};

TEST_F(CommandLines, import_and_export_say_what_they_wrote) {
  EXPECT_THAT(import_output_, HasSubstr("LlamaForCausalLM: 2L-4H-32D-RoPE-RMS-SwiGLU-PreNorm-2KV"));
  EXPECT_THAT(import_output_, HasSubstr("ckpt/config.yaml --set data.path=DATA"));
  EXPECT_THAT(run({"export", folder_ / "ckpt", "--to", folder_ / "out", "--dtype", "bf16",
                   "--shard-bytes", "10KB", "--json"}),
              testing::AllOf(HasSubstr("\"architecture\": \"LlamaForCausalLM\""),
                             HasSubstr("\"dtype\": \"bf16\""), HasSubstr("\"vocab_size\": 97")));
}

TEST_F(CommandLines, eval_prints_loss_perplexity_and_bits_per_byte) {
  const test::TinyData data;
  const std::string text = run({"eval", folder_ / "ckpt", data.folder(), "--seq-len", "8"});
  EXPECT_THAT(text, HasSubstr("nats a token\nperplexity "));
  EXPECT_THAT(text, HasSubstr("\nbits per byte "));
  EXPECT_THAT(text, HasSubstr("\n199 tokens in windows of 8"));
  EXPECT_THAT(run({"eval", folder_ / "ckpt", data.folder(), "--seq-len", "8", "--json"}),
              HasSubstr("\"n_tokens\": 199"));
}

TEST_F(CommandLines, sample_prints_ids_or_text) {
  const std::string ids = run({"sample", folder_ / "ckpt", "--prompt-ids", "3,10", "--max-tokens",
                               "4", "--temperature", "0"});
  EXPECT_EQ(std::count(ids.begin(), ids.end(), ' '), 4) << ids;
  EXPECT_THAT(problem({"sample", folder_ / "ckpt", "--prompt", "a"}),
              HasSubstr("data/tokens: holds no dataset"));
  EXPECT_THAT(problem({"sample", folder_ / "ckpt", "--prompt", "a", "--tokenizer", "bytes"}),
              HasSubstr("its 257 ids are more than the model's 97"));
}

TEST_F(CommandLines, wrong_options_are_named) {
  EXPECT_THAT(problem({"sample", folder_ / "ckpt"}), HasSubstr("--prompt is missing"));
  EXPECT_THAT(problem({"sample", folder_ / "ckpt", "--prompt-ids", "97"}),
              HasSubstr("--prompt-ids holds 97 (ids are below 97)"));
  EXPECT_THAT(problem({"sample", folder_ / "ckpt", "--prompt", "a", "--top-p", "2"}),
              HasSubstr("--top-p"));
  EXPECT_THAT(problem({"export", folder_ / "ckpt"}), HasSubstr("--to is required"));
  EXPECT_THAT(problem({"export", folder_ / "ckpt", "--to", "x", "--dtype", "f8"}),
              HasSubstr("--dtype"));
  EXPECT_THAT(problem({"eval", folder_ / "ckpt", folder_ / "none"}), HasSubstr("none"));
}

}  // namespace
}  // namespace isoflop
