// SPDX-License-Identifier: MIT
#include "planner/pilot/pilot_measurement.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/pilot/main_run.hpp"
#include "planner/pilot/pilot_fixtures.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A plan folder with two runs of a pilot.
class PilotFolder : public testing::Test {
 protected:
  PilotFolder()
      : files_(plan_files_in(dir_ / "x")),
        request_(test::laptop_request(cluster_)),
        plan_(make_plan(request_)) {
    plan_.config.run.out = dir_ / "runs";
    const PilotPlan pilot = plan_pilot(plan_, request_, files_.pilot_runs);
    for (std::size_t i = 0; i < 2; ++i) {
      configs_.push_back(pilot.runs.at(i).config);
      write_text_file(files_.pilot_plan(i), write_train_config(configs_.back(), ""));
    }
    write_text_file(files_.plan, write_train_config(plan_.config, ""));
  }

  std::string error() const {
    return test::message_of<FileError>([&] { read_pilot(files_); });
  }

  test::TempDir dir_;
  PlanFiles files_;
  Cluster cluster_ = test::cpu_cluster();
  PlanRequest request_;
  Plan plan_;
  std::vector<TrainConfig> configs_;
};

TEST_F(PilotFolder, gives_the_median_after_warm_up_and_the_largest_memory) {
  for (const TrainConfig& config : configs_) test::write_run(config, 0.25, 43);
  const PilotRecord record = read_pilot(files_);
  ASSERT_EQ(record.measurements.size(), 2U);
  const PilotMeasurement& first = record.measurements.front();
  EXPECT_DOUBLE_EQ(first.step_s, 0.25);
  EXPECT_EQ(first.timed_steps, 40);
  EXPECT_DOUBLE_EQ(first.scatter, 0);
  EXPECT_NEAR(first.memory_gib.value(), configs_.front().prediction->memory_gib, 1e-6);
  EXPECT_FALSE(first.communication_s);
  EXPECT_TRUE(record.notes.empty());
}

TEST_F(PilotFolder, runs_of_one_layout_are_one_measurement) {
  TrainConfig again = configs_[0];
  again.run.name = "test-pilot-3";
  write_text_file(files_.pilot_plan(2), write_train_config(again, ""));
  test::write_run(configs_[0], 0.25, 13);
  test::write_run(configs_[1], 0.5, 13);
  test::write_run(again, 0.75, 13);  // the machine is busier now
  const PilotRecord record = read_pilot(files_);
  ASSERT_EQ(record.measurements.size(), 2U);
  const PilotMeasurement& first = record.measurements.front();
  EXPECT_EQ(first.files.size(), 2U);
  EXPECT_EQ(first.timed_steps, 20);
  EXPECT_DOUBLE_EQ(first.step_s, 0.5);  // the median of ten of each
  EXPECT_GT(first.scatter, 0.5);
  EXPECT_DOUBLE_EQ(record.measurements[1].step_s, 0.5);
}

TEST_F(PilotFolder, that_has_not_run_says_what_to_submit) {
  EXPECT_THAT(error(), AllOf(HasSubstr("no run file of 'test-pilot' yet"),
                             HasSubstr("submit " + files_.pilot_script.string())));
}

TEST_F(PilotFolder, uses_a_killed_run_with_enough_steps_and_says_so) {
  test::write_run(configs_[0], 0.25, 10, RunState::stopped);
  const PilotRecord record = read_pilot(files_);
  ASSERT_EQ(record.measurements.size(), 1U);
  EXPECT_THAT(record.notes.front(), HasSubstr("stopped after 10 of"));
  ASSERT_EQ(record.unusable.size(), 1U) << "the second layout did not run";
}

TEST_F(PilotFolder, a_run_with_too_few_steps_is_an_error) {
  test::write_run(configs_[0], 0.25, 7, RunState::failed);
  EXPECT_THAT(error(), HasSubstr("failed after 7 steps (at least 8 are needed)"));
}

TEST_F(PilotFolder, a_run_of_another_plan_is_an_error) {
  TrainConfig other = configs_[0];
  other.model.n_layer += 1;
  test::write_run(other, 0.25, 43);
  EXPECT_THAT(error(), HasSubstr("is of another plan than"));
}

TEST_F(PilotFolder, what_the_trainer_finds_out_makes_no_other_plan) {
  TrainConfig recorded = configs_[0];
  recorded.device.name = "EPYC";
  recorded.model.attention_backend = AttentionBackend::sdpa;
  test::write_run(recorded, 0.25, 43);
  EXPECT_EQ(read_pilot(files_).measurements.size(), 1U);
}

TEST_F(PilotFolder, a_damaged_file_is_an_error_and_left_out_beside_a_good_one) {
  const std::filesystem::path file = test::write_run(configs_[0], 0.25, 43);
  write_text_file(file, "no run");
  EXPECT_THAT(error(), HasSubstr(file.string()));
  test::write_run(configs_[1], 0.25, 43);
  const PilotRecord record = read_pilot(files_);
  EXPECT_EQ(record.measurements.size(), 1U);
  EXPECT_THAT(record.unusable.front().reason, HasSubstr(file.string()));
}

TEST_F(PilotFolder, without_a_pilot_is_an_error) {
  std::filesystem::remove(files_.pilot_plan(0));
  EXPECT_THAT(error(), HasSubstr("has no pilot.yaml"));
}

TEST_F(PilotFolder, may_be_refined_until_the_training_begins) {
  EXPECT_NO_THROW(refuse_after_start(files_, request_));
  TrainConfig earlier = plan_.config;
  earlier.schedule.steps += 1;  // a plan of the same name
  test::write_run(earlier, 0.25, 5);
  EXPECT_NO_THROW(refuse_after_start(files_, request_));
  test::write_run(plan_.config, 0.25, 5);
  EXPECT_THAT(test::message_of<FileError>([&] { refuse_after_start(files_, request_); }),
              HasSubstr("the training of this plan has begun"));
}

TEST(PilotScatter, is_that_of_fifths_about_the_median) {
  const Cluster cluster = test::cpu_cluster();
  const PlanRequest request = test::laptop_request(cluster);
  const Plan plan = make_plan(request);
  const TrainConfig& config = plan.config;
  RunFile file;
  file.header = test::header_of(config);
  file.steps = test::steps_of(config, 1, 3 + 50);
  for (std::size_t i = 43; i < 53; ++i) file.steps.in_memory()[i].step_s = 1.1F;  // the last fifth
  const auto measured = measure_pilot(std::span(&file, 1), config);
  ASSERT_TRUE(measured);
  EXPECT_DOUBLE_EQ(measured->step_s, 1);
  EXPECT_NEAR(measured->scatter, std::log(1.1) / 2, 1e-6);  // sqrt(ln^2 / (5 - 1))
}

}  // namespace
}  // namespace isoflop
