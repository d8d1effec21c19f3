// SPDX-License-Identifier: MIT
#include "core/base/text_file.hpp"
#include "planner/pilot/pilot_fixtures.hpp"
#include "planner/pilot/pilot_measurement.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RefineCommand : public testing::Test {
 protected:
  test::ProgramResult planner(const std::string& arguments) const {
    return test::run_command("cd " + dir_.path().string() + " && " + test::program_path("planner") +
                             " " + arguments);
  }

  void plan(const std::string& options = "") const {
    const test::ProgramResult result =
        planner(ISOFLOP_SOURCE_DIR "/configs/clusters/h100-16x8.yaml --hours 24 --name r --out x" +
                options);
    ASSERT_EQ(result.exit_code, 0) << result.output;
  }

  TrainConfig config(const std::filesystem::path& file) const {
    return read_train_config(ConfigNode::load(file));
  }

  /// As if every run of the pilot had taken `factor` of what was predicted.
  void run_pilot(double factor) const {
    for (std::size_t i = 0; std::filesystem::exists(files_.pilot_plan(i)); ++i) {
      const TrainConfig pilot = config(files_.pilot_plan(i));
      test::write_run(pilot, factor * pilot.prediction->step_s, pilot.schedule.steps);
    }
  }

  test::TempDir dir_;
  PlanFiles files_ = plan_files_in(dir_ / "x");
};

TEST_F(RefineCommand, plans_again_by_the_pilot_and_twice_the_same) {
  plan();
  const TrainConfig before = config(files_.plan);
  run_pilot(1.3);
  const test::ProgramResult first = planner("refine x");
  EXPECT_EQ(first.exit_code, 0) << first.output;
  EXPECT_THAT(first.output, AllOf(HasSubstr("calibrated by a pilot of 60 steps in 2 layouts"),
                                  HasSubstr("Next        sbatch x/train.sbatch")));
  const TrainConfig after = config(files_.plan);
  EXPECT_LT(after.total_tokens() * 1.0, before.total_tokens() * 1.0);
  EXPECT_TRUE(std::filesystem::exists(files_.calibration));
  EXPECT_NE(read_text_file(files_.json).find("\"calibrated\": true"), std::string::npos);
  EXPECT_EQ(planner("refine x").output, first.output);
  EXPECT_EQ(config(files_.plan), after);
}

TEST_F(RefineCommand, constants_of_one_plan_calibrate_another) {
  plan();
  run_pilot(1.3);
  ASSERT_EQ(planner("refine x --json").exit_code, 0);
  const test::ProgramResult other =
      planner(ISOFLOP_SOURCE_DIR
              "/configs/clusters/h100-16x8.yaml --hours 12 --calibration x/calibration.yaml");
  EXPECT_THAT(other.output, HasSubstr("Intervals   calibrated by a pilot of 60 steps"));
}

TEST_F(RefineCommand, planning_again_forgets_the_pilot) {
  plan();
  run_pilot(1.3);
  ASSERT_EQ(planner("refine x").exit_code, 0);
  plan(" --max-params 1e9");
  EXPECT_FALSE(std::filesystem::exists(files_.calibration));
  const test::ProgramResult result = planner("refine x");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("is of another plan than"));
}

TEST_F(RefineCommand, the_request_plans_the_same_again) {
  plan(" --max-params 5e9 --optimizer adamw --seq-len 4096");
  EXPECT_EQ(planner("--request x/request.yaml --json --out y").output, read_text_file(files_.json));
}

TEST_F(RefineCommand, the_model_may_be_kept) {
  plan();
  const TrainConfig before = config(files_.plan);
  run_pilot(3);
  ASSERT_EQ(planner("refine x --keep-model").exit_code, 0);
  EXPECT_EQ(config(files_.plan).model, before.model);
  const test::ProgramResult free = planner("refine x");
  EXPECT_THAT(free.output, HasSubstr("the best model changes: N "));
}

TEST_F(RefineCommand, what_is_missing_is_said_in_a_line) {
  EXPECT_EQ(planner("refine").exit_code, 2);
  const test::ProgramResult nothing = planner("refine nowhere");
  EXPECT_EQ(nothing.exit_code, 3);
  EXPECT_THAT(nothing.output, HasSubstr("has no request.yaml"));
  plan();
  const test::ProgramResult no_run = planner("refine x");
  EXPECT_EQ(no_run.exit_code, 3);
  EXPECT_THAT(no_run.output, HasSubstr("no run file of 'r-pilot' yet"));
}

TEST_F(RefineCommand, a_training_that_has_begun_is_left_alone) {
  plan();
  run_pilot(1);
  TrainConfig main = config(files_.plan);
  main.run.out = dir_ / "runs";
  const TrainConfig recorded = config(files_.plan);
  const std::filesystem::path file = test::write_run(main, 1, 5);
  std::filesystem::remove(file);
  {
    RunWriter writer(file, test::header_of(recorded));
    for (const StepRecord& step : test::steps_of(recorded, 1, 5)) writer.append(step);
  }
  const test::ProgramResult refused = planner("refine x");
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.output, HasSubstr("the training of this plan has begun"));
  EXPECT_EQ(planner("refine x --force").exit_code, 0);
}

}  // namespace
}  // namespace isoflop
