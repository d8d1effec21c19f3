// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "core/base/csv.hpp"
#include "core/base/text_file.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

const std::string kH100 = std::string(ISOFLOP_SOURCE_DIR) + "/configs/clusters/h100-16x8.yaml";

test::ProgramResult layouts(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " layouts " + arguments);
}

TEST(LayoutsCommand, ranks_what_the_trainer_runs) {
  const test::ProgramResult result =
      layouts("llama-7b " + kH100 + " --gpus 16 --global-batch 64 --seq-len 2048");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("1 split of the GPUs"));
  EXPECT_THAT(result.output, ContainsRegex("\n 1 .* runs .*fsdp|hsdp|zero"));
  EXPECT_THAT(result.output, Not(HasSubstr("not runnable")));
}

TEST(LayoutsCommand, what_if_marks_what_the_trainer_lacks) {
  const test::ProgramResult result =
      layouts("llama3-70b " + kH100 + " --gpus 128 --global-batch 128 --what-if --top 3");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, ContainsRegex("\n1 .* not runnable +tensor [0-9]"));
  EXPECT_THAT(result.output, HasSubstr("tensor group of 16 exceeds the NVLink domain of 8"));
  EXPECT_THAT(result.output, ContainsRegex("do not fit, largest term .* needs .* of .* GiB: "));
}

TEST(LayoutsCommand, json_and_csv_hold_the_same) {
  const std::string csv = testing::TempDir() + "layouts.csv";
  const test::ProgramResult result =
      layouts("llama-7b " + kH100 +
              " --gpus 8 --global-batch 16 --seq-len 2048 --what-if --json "
              "--csv " +
              csv);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  MapReader root(ConfigNode::parse(result.output, "output", ConfigSyntax::json_with_comments));
  const CsvTable table = CsvTable::load(csv);
  EXPECT_EQ(static_cast<std::size_t>(root.required<int64_t>("splits")), table.n_row());
  int64_t priced = 0;
  for (std::size_t row = 0; row < table.n_row(); ++row) {
    if (const auto layouts_of_split = table.find(row, "layouts"))
      priced += std::stoll(*layouts_of_split);
  }
  EXPECT_EQ(root.required<int64_t>("layouts_priced"), priced);
}

TEST(LayoutsCommand, predicts_by_the_constants_of_a_file) {
  std::string constants = read_text_file(data_dir() / "calibration.yaml");
  const std::string usual = "  launch_us:\n    value: 12\n";
  constants.replace(constants.find(usual), usual.size(), "  launch_us:\n    value: 12000000\n");
  const test::TempDir folder;
  write_text_file(folder / "mine.yaml", constants);
  const test::ProgramResult result =
      layouts("llama-7b " + kH100 + " --gpus 8 --global-batch 16 --seq-len 2048 --json" +
              " --calibration " + (folder / "mine.yaml").string());
  MapReader root(ConfigNode::parse(result.output, "output", ConfigSyntax::json_with_comments));
  MapReader fastest(root.required_node("layouts").items().front());
  EXPECT_GT(fastest.required<double>("step_s"), 100);
}

TEST(LayoutsCommand, why_a_layout_is_rejected) {
  const test::ProgramResult memory =
      layouts("llama3-70b " + kH100 +
              " --gpus 8 --global-batch 8 --what-if --only tensor=8,recompute=none,states=ddp");
  EXPECT_EQ(memory.exit_code, 4) << memory.output;
  EXPECT_THAT(memory.output, ContainsRegex("no layout fits: the nearest, tensor 8 .* needs .* is "
                                           "the largest"));
  const test::ProgramResult domain =
      layouts("llama3-70b " + kH100 + " --gpus 128 --global-batch 128 --what-if --only tensor=16");
  EXPECT_EQ(domain.exit_code, 4);
  EXPECT_THAT(domain.output, HasSubstr("no layout is possible: tensor group of 16 exceeds"));
}

TEST(LayoutsCommand, wrong_input_is_one_line_with_a_remedy) {
  const std::pair<std::string, const char*> cases[] = {
      {"llama-7b", "CLUSTER is required"},
      {"llama-7b " + kH100 + " --gpus 16", "--global-batch is required"},
      {"llama-7b " + kH100 + " --gpus 16 --global-batch 0", "--global-batch is 0"},
      {"llama-7b " + kH100 + " --gpus 12 --global-batch 8", "ask for a multiple of 8"},
      {"mixtral-8x7b " + kH100 + " --gpus 16 --global-batch 8", "add --what-if"},
      {"llama-7b " + kH100 + " --gpus 16 --global-batch 8 --stack nemoo", "did you mean 'nemo'?"},
      {"llama-7b " + kH100 + " --gpus 16 --global-batch 8 --only tensr=2",
       "did you mean 'tensor'?"}};
  for (const auto& [arguments, message] : cases) {
    const test::ProgramResult result = layouts(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_THAT(result.output, HasSubstr(message)) << arguments;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << arguments;
  }
}

}  // namespace
}  // namespace isoflop
