// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

test::ProgramResult scaling(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " scaling " + arguments);
}

ConfigNode json_of(const std::string& arguments) {
  return ConfigNode::parse(scaling(arguments + " --json").output, "output",
                           ConfigSyntax::json_with_comments);
}

TEST(ScalingCommand, compares_all_laws_at_1e23) {
  const test::ProgramResult result = scaling("--compute 1e23 --compare");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, ContainsRegex("besiroglu +29\\.4 B +22\\.2 B to 42\\.5 B +566 B"));
  EXPECT_THAT(result.output, ContainsRegex("hoffmann +14\\.6 B .* 15\\.9\n"));
  EXPECT_THAT(result.output, ContainsRegex("hoffmann-tex +18\\.1 B"));
  EXPECT_THAT(result.output, ContainsRegex("muennighoff +29\\.2 B"));
  EXPECT_THAT(result.output, ContainsRegex("kaplan \\* +72\\.5 B"));
  EXPECT_THAT(result.output, ContainsRegex("kaplan-c-min \\* +224 B"));
  EXPECT_THAT(result.output, ContainsRegex("kaplan-gpt3 +75\\.9 B"));
  EXPECT_THAT(result.output, AllOf(HasSubstr("llama3"), HasSubstr("deepseek"),
                                   HasSubstr("warning: compute = 1.00e23 is outside")));
}

TEST(ScalingCommand, without_compare_one_law_answers) {
  EXPECT_THAT(scaling("--compute 1e21").output, Not(HasSubstr("hoffmann")));
  EXPECT_THAT(scaling("--compute 1e21 --law hoffmann").output, HasSubstr("hoffmann"));
  EXPECT_THAT(scaling("--compute 1e21 --law llama3").output, HasSubstr("llama3"));
}

// 5,000 GPU hours of 312 TFLOP/s at 40 %: 2.2464e21 FLOPs.
TEST(ScalingCommand, dollars_become_hours_and_compute) {
  const ConfigNode root = json_of("--dollars 10000 --price 2 --gpu A100-SXM4-80GB --gpus 8");
  MapReader document(root);
  MapReader cost(document.required_node("cost"));
  EXPECT_NEAR(cost.required<double>("gpu_hours"), 5000, 1e-6);
  EXPECT_NEAR(cost.required<double>("hours"), 625, 1e-6);
  EXPECT_NEAR(cost.required<double>("compute_flops") / 2.2464e21, 1, 1e-9);
  MapReader gpu(document.required_node("gpu"));
  EXPECT_TRUE(MapReader(gpu.required_node("mfu")).required<bool>("assumed"));
}

TEST(ScalingCommand, gpu_hours_and_hours_agree) {
  const auto flops = [](const std::string& arguments) {
    MapReader document(json_of(arguments + " --gpu h100 --gpus 8"));
    return MapReader(document.required_node("given")).required<double>("compute_flops");
  };
  EXPECT_DOUBLE_EQ(flops("--gpu-hours 800"), flops("--hours 100"));
}

TEST(ScalingCommand, verdict_on_a_model) {
  EXPECT_THAT(scaling("--params 175B --tokens 300B").output,
              ContainsRegex("besiroglu .* 3\\.30 .* over-parameterised"));
}

TEST(ScalingCommand, a_model_file_states_n) {
  EXPECT_THAT(scaling("--model llama-7b --tokens 1T").output,
              ContainsRegex("besiroglu +6\\.74 B .* 0\\.36 .* over-trained"));
}

TEST(ScalingCommand, what_a_loss_takes) {
  const test::ProgramResult result = scaling("--loss 2.1 --gpu h100 --gpus 128");
  EXPECT_THAT(result.output, AllOf(HasSubstr("Takes"), HasSubstr("days")));
  EXPECT_EQ(scaling("--loss 1.7").exit_code, 4);
}

TEST(ScalingCommand, takes_a_law_file) {
  const test::TempDir folder;
  std::ofstream(folder / "mine.yaml")
      << "laws:\n  mine:\n    form: chinchilla\n"
         "    coefficients: {E: 1, A: 100, B: 100, alpha: 0.5, beta: 0.5}\n    params: total\n"
         "    tokenizer: {name: bytes, vocab_size: 256}\n"
         "    fitted: {compute_flops: [1e+10, 1e+16], params: [1e+3, 1e+7], tokens: [1e+3, 1e+9]}\n"
         "    usable_compute_flops: [1e+10, 1e+17]\n    source: runs of this site\n";
  const test::ProgramResult result =
      scaling("--compute 6e12 --compare --law " + (folder / "mine.yaml").string());
  EXPECT_THAT(result.output, ContainsRegex("mine +1\\.00 M +- +1\\.00 M"));
  EXPECT_THAT(result.output, ContainsRegex("besiroglu"));
}

TEST(ScalingCommand, wrong_input_is_refused_with_a_remedy) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "nothing to answer; give --compute"},
      {"--compute banana", "--compute is 'banana' (must be a number above 0)"},
      {"--compute -1e20", "--compute is '-1e20'"},
      {"--params 7B --model llama-7b", "both state N; keep one"},
      {"--compute 1e20 --dollars 5 --gpu h100", "keep one"},
      {"--dollars 5", "--dollars needs --gpu"},
      {"--hours 5 --gpu h100", "--hours needs --gpus"},
      {"--dollars 5 --gpu h10", "did you mean 'h100'?"},
      {"--dollars 5 --gpu h100 --mfu 40", "write 0.4 for 40 %"},
      {"--dollars 5 --gpu h100 --precision bf61", "did you mean 'bf16'?"},
      {"--dollars 5 --gpu h100 --gpus 0", "--gpus is 0 (must be at least 1)"},
      {"--compute 1e20 --law besirogly", "did you mean 'besiroglu'?"},
      {"--loss 2.1 --law llama3", "says nothing else; give --compute"},
  };
  for (const auto& [arguments, message] : cases) {
    const test::ProgramResult result = scaling(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_THAT(result.output, HasSubstr(message)) << arguments;
  }
}

}  // namespace
}  // namespace isoflop
