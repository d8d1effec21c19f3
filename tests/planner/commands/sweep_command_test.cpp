// SPDX-License-Identifier: MIT
#include "core/base/text_file.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace isoflop {
namespace {

using testing::HasSubstr;

class SweepCommand : public testing::Test {
 protected:
  test::ProgramResult sweep(const std::string& arguments) const {
    return test::run_command("cd " + dir_.path().string() + " && " + test::program_path("planner") +
                             " sweep " + arguments);
  }

  test::TempDir dir_;
  const std::string h100_ = ISOFLOP_SOURCE_DIR "/configs/clusters/h100-16x8.yaml";
};

TEST_F(SweepCommand, writes_a_sweep_once) {
  const test::ProgramResult first = sweep(h100_ + " --gpu-hours 5000 --out x");
  EXPECT_EQ(first.exit_code, 0) << first.output;
  EXPECT_THAT(first.output, HasSubstr("of 5000, predicted with start-up"));
  EXPECT_THAT(first.output, HasSubstr("N_opt ~ C^a: a to +-"));
  const std::string manifest = read_text_file(dir_ / "x" / "sweep.json");
  const test::ProgramResult second = sweep(h100_ + " --gpu-hours 5000 --out x");
  EXPECT_EQ(second.exit_code, 0) << second.output;
  EXPECT_THAT(second.output, HasSubstr("is this sweep already"));
  EXPECT_EQ(read_text_file(dir_ / "x" / "sweep.json"), manifest);
  EXPECT_EQ(sweep(h100_ + " --gpu-hours 4000 --out x").exit_code, 3);
}

TEST_F(SweepCommand, wrong_input_has_its_exit_code_and_one_line) {
  const std::pair<const char*, int> cases[] = {
      {"", 2},
      {" --gpu-hours 0", 2},
      {" --gpu-hours 1e13", 2},
      {" --gpu-hours 1", 4},
      {" --gpu-hours 5000 --approach isoflops", 2},
      {" --gpu-hours 5000 --sizes 2", 2},
      {" --gpu-hours 5000 --approach grid --size-factor 3", 2},
      {" --gpu-hours 5000 --budgets 1", 2},
      {" --gpu-hours 5000 --seeds 0", 2},
      {" --gpu-hours 5000 --max-running 0", 2},
      {" --gpu-hours 5000 --data nowhere", 3},
      {" --gpu-hours 5000 --model gtp2", 2},
      {" --gpu-hours 5000 --model mixtral-8x7b", 2},
      {" --gpu-hours 5000 --vary model.nothing=1,2", 2},
      {" --gpu-hours 5000 --vary model.bias=true,false --sizes 3", 2},
      {" --gpu-hours 500 --vary model.position_encoding=rope,ropes", 2},
  };
  for (const auto& [arguments, exit_code] : cases) {
    const test::ProgramResult result = sweep(h100_ + arguments);
    EXPECT_EQ(result.exit_code, exit_code) << arguments << "\n" << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    EXPECT_THAT(result.output, HasSubstr("planner: error: "));
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "sweeps"));
}

TEST_F(SweepCommand, takes_presets_and_models) {
  EXPECT_THAT(sweep(h100_ + " --gpu-hours 5000 --model gpt2 --out a").output,
              HasSubstr("AbsPos-LN-GELU"));
  const test::ProgramResult ablation =
      sweep(h100_ + " --gpu-hours 500 --model llama-124m --vary model.qk_norm=true,false --out b");
  EXPECT_EQ(ablation.exit_code, 0) << ablation.output;
  EXPECT_THAT(ablation.output, HasSubstr("llama-124m"));
  EXPECT_THAT(ablation.output, HasSubstr("model.qk_norm=true"));
}

}  // namespace
}  // namespace isoflop
