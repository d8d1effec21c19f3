// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "support/run_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

test::ProgramResult gpus(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " gpus " + arguments);
}

TEST(GpusCommand, lists_dense_peaks_and_measured_ceilings) {
  const test::ProgramResult result = gpus("");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output,
              ContainsRegex("\nH100-SXM5-80GB +80 +3350 +66.9 +494.7 +989.4 +989.4 +1978.9 +- "
                            "+794.5 +confirmed\n"));
  // V100 has neither bf16 nor fp8.
  EXPECT_THAT(result.output, ContainsRegex("\nV100-SXM2-16GB +16 +900 +15.7 +- +- +125.0 +- +- "));
}

TEST(GpusCommand, one_gpu_comes_with_its_traps) {
  const test::ProgramResult result = gpus("gpu:h100:8");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("Slurm GRES type 'h100'"),
                                   HasSubstr("Trap: 1979 TFLOP/s is sparse BF16 or dense FP8")));
}

TEST(GpusCommand, json_leaves_out_what_is_unknown) {
  const test::ProgramResult result = gpus("T4 --json");
  const ConfigNode root =
      ConfigNode::parse(result.output, "output", ConfigSyntax::json_with_comments);
  MapReader gpu(MapReader(root).required_node("gpu"));
  EXPECT_EQ(gpu.required<std::string>("name"), "T4");
  EXPECT_DOUBLE_EQ(MapReader(gpu.required_node("peak_dense_tflops")).required<double>("fp16"), 65);
  EXPECT_THAT(result.output, Not(HasSubstr("scaleup")));
  EXPECT_THAT(result.output, Not(HasSubstr("null")));
}

TEST(GpusCommand, json_of_all_has_every_gpu) {
  const ConfigNode root =
      ConfigNode::parse(gpus("--json").output, "output", ConfigSyntax::json_with_comments);
  EXPECT_GE(MapReader(root).required_node("gpus").items().size(), 32u);
}

TEST(GpusCommand, an_unknown_name_gets_the_nearest_and_exit_code_2) {
  const test::ProgramResult result = gpus("h10");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, HasSubstr("planner: error: GPU 'h10' is not in the catalogue (did "
                                       "you mean 'h100'?)"));
  EXPECT_EQ(gpus("H100 A100").exit_code, 2);
}

}  // namespace
}  // namespace isoflop
