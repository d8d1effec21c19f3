// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "support/run_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

test::ProgramResult mfu(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " mfu " + arguments);
}

TEST(MfuCommand, a_throughput_gets_both_figures_and_a_verdict) {
  const test::ProgramResult result =
      mfu("llama-7b --gpu A100 --gpus 8 --tokens-per-second 45000 --flops-formula academic");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("74.4 % (causal), 77.3 % (full square"));
  EXPECT_THAT(result.output, HasSubstr("Verdict     excellent: above 45 %"));
  EXPECT_THAT(result.output, HasSubstr("49.1 % with 'academic'"));
}

TEST(MfuCommand, impossible_throughputs_are_called_so) {
  const std::string common = "llama-7b --gpu A100 --gpus 8 --tokens-per-second ";
  EXPECT_THAT(mfu(common + "55000").output,
              HasSubstr("impossible: 283.6 TFLOP/s are above the best dense product"));
  EXPECT_THAT(mfu(common + "65000").output,
              HasSubstr("impossible: 335.2 TFLOP/s are above the dense peak 312"));
}

TEST(MfuCommand, without_a_throughput_each_band_has_its_tokens) {
  const test::ProgramResult result = mfu("llama-7b --gpu A100 --gpus 8");
  // 0.45 x 8 x 312e12 / 41.25e9
  EXPECT_THAT(result.output, ContainsRegex("\nexcellent +above 45 % +27,22[67] +3,403 +140.4\n"));
  EXPECT_THAT(result.output, ContainsRegex("\npoor +below 25 % +- +- +-\n"));
  EXPECT_THAT(result.output, Not(HasSubstr("Verdict")));
}

TEST(MfuCommand, json_has_the_same_figures) {
  const test::ProgramResult result =
      mfu("llama-7b --gpu A100 --gpus 8 --tokens-per-second 45000 --json");
  MapReader root(ConfigNode::parse(result.output, "output", ConfigSyntax::json_with_comments));
  EXPECT_NEAR(root.required<double>("mfu_causal"), 0.744, 0.0005);
  EXPECT_NEAR(root.required<double>("mfu_full_square"), 0.773, 0.0005);
  EXPECT_EQ(root.required<std::string>("verdict"), "excellent");
  EXPECT_EQ(root.required_node("bands").items().size(), 4u);
}

TEST(MfuCommand, wrong_input_is_one_line_with_a_remedy) {
  const std::pair<const char*, const char*> cases[] = {
      {"llama-7b --gpus 8", "--gpu is required"},
      {"llama-7b --gpu A100", "--gpus is required"},
      {"llama-7b --gpu A10000 --gpus 8", "is not in the catalogue"},
      {"llama-7b --gpu A100 --gpus 0", "--gpus is 0"},
      {"llama-7b --gpu A100 --gpus 8 --tokens-per-second -1", "--tokens-per-second is -1"},
      {"llama-7b --gpu V100 --gpus 8 --precision bf16", "has no bf16"},
      {"llama-7b --gpu A100 --gpus 8 --precision bf61", "did you mean 'bf16'?"},
      {"llama-7b --gpu A100 --gpus 8 --flops-formula standard-transformer",
       "counts parameters, not FLOPs"}};
  for (const auto& [arguments, message] : cases) {
    const test::ProgramResult result = mfu(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments;
    EXPECT_THAT(result.output, HasSubstr(message)) << arguments;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << arguments;
  }
}

}  // namespace
}  // namespace isoflop
