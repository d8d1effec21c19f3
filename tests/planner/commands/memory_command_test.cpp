// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "core/base/text_file.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

test::ProgramResult memory(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " memory " + arguments);
}

TEST(MemoryCommand, rows_say_whether_they_fit_and_what_is_largest) {
  const test::ProgramResult result = memory("llama-7b --gpus 16 --gpu h100");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, ContainsRegex("\nddp +adamw +none +flash .* no +optimizer state\n"));
  EXPECT_THAT(result.output, ContainsRegex("\nhsdp 2 x 8 +muon +full +manual .* yes "));
  EXPECT_THAT(result.output, ContainsRegex("\nFits +[0-9]+ of 60 on H100-SXM5-80GB; least: fsdp"));
}

TEST(MemoryCommand, json_has_every_term_in_bytes) {
  const test::ProgramResult result = memory("gpt2-124m --gpus 2 --json");
  MapReader root(ConfigNode::parse(result.output, "output", ConfigSyntax::json_with_comments));
  const std::vector<ConfigNode> layouts = root.required_node("layouts").items();
  EXPECT_EQ(layouts.size(), 48u);  // two GPUs have no hsdp of their own
  for (const ConfigNode& layout : layouts) {
    MapReader map(layout);
    int64_t sum = 0;
    MapReader terms(map.required_node("terms_bytes"));
    EXPECT_TRUE(terms.find<int64_t>(map.required<std::string>("largest_term")));
    for (const auto& [name, bytes] : terms.node().entries()) sum += bytes.as<int64_t>();
    EXPECT_EQ(sum, map.required<int64_t>("memory_bytes"));
  }
}

TEST(MemoryCommand, models_that_the_trainer_lacks_say_so) {
  const test::ProgramResult result = memory("deepseek-v3 --gpus 2048");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("does not run it: it has mixture of experts"));
}

TEST(MemoryCommand, fits_by_the_constants_of_a_file) {
  std::string constants = read_text_file(data_dir() / "calibration.yaml");
  const std::string usual = "  runtime_memory_gib:\n    value: 2.5\n";
  constants.replace(constants.find(usual), usual.size(), "  runtime_memory_gib:\n    value: 70\n");
  const test::TempDir folder;
  write_text_file(folder / "mine.yaml", constants);
  const test::ProgramResult result =
      memory("llama-7b --gpus 16 --gpu h100 --calibration " + (folder / "mine.yaml").string());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, ContainsRegex("70(.0)? GiB"));
  EXPECT_THAT(memory("llama-7b --calibration missing.yaml").output, HasSubstr("missing.yaml"));
}

TEST(MemoryCommand, wrong_input_is_one_line_with_a_remedy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "MODEL is required"},
      {"llama-7c", "did you mean 'llama-7b'?"},
      {"llama-7b --gpu h10", "did you mean 'h100'?"},
      {"llama-7b --gpus 0", "--gpus is 0"},
      {"llama-7b --micro-batch 0", "--micro-batch is 0"},
      {"llama-7b --precision fp8", "use bf16, fp16, tf32 or fp32"},
      {"gpt2-124m --seq-len 4096", "position table has 1024 rows"}};
  for (const auto& [arguments, message] : cases) {
    const test::ProgramResult result = memory(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_THAT(result.output, HasSubstr(message)) << arguments;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << arguments;
  }
}

}  // namespace
}  // namespace isoflop
