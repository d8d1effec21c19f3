// SPDX-License-Identifier: MIT
#include "core/run/run_set.hpp"

#include "segment_samples.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

// Start 0 does steps 1-100, start 1 goes on from step 80 to 130, start 2 from 120 to 150.
TEST(RunSet, steps_computed_again_count_once_and_as_lost) {
  const TrainingRun run =
      join_segments({sample_segment("a", 2, 120, 150), sample_segment("a", 0, 0, 100),
                     sample_segment("a", 1, 80, 130)});
  ASSERT_EQ(run.segments.size(), 3U);
  EXPECT_EQ(run.segments[0].steps.back().step, 80);
  EXPECT_EQ(run.segments[1].steps.front().step, 81);
  EXPECT_EQ(run.segments[1].steps.back().step, 120);
  EXPECT_EQ(run.segments[2].steps.back().step, 150);
  EXPECT_EQ(run.lost_steps, 20 + 10);
  EXPECT_EQ(run.last().header.identity.segment, 2);
}

// Start 2 finds only the first checkpoint usable: it supersedes all of start 1.
TEST(RunSet, a_later_start_can_supersede_more_than_the_one_before) {
  const TrainingRun run =
      join_segments({sample_segment("a", 0, 0, 100), sample_segment("a", 1, 80, 130),
                     sample_segment("a", 2, 50, 60)});
  EXPECT_EQ(run.segments[0].steps.back().step, 50);
  EXPECT_TRUE(run.segments[1].steps.empty());
  EXPECT_EQ(run.lost_steps, 50 + 50);
}

TEST(RunSet, superseded_evaluations_go_too) {
  RunFile first = sample_segment("a", 0, 0, 100);
  first.evals = {sample_eval(50, 9.0), sample_eval(100, 8.0)};
  const TrainingRun run = join_segments({first, sample_segment("a", 1, 80, 130)});
  ASSERT_EQ(run.segments[0].evals.size(), 1U);
  EXPECT_EQ(run.segments[0].evals[0].step, 50);
}

/// A start from step 0 with this configuration.
RunFile fresh_start(int32_t number, const std::string& config) {
  RunFile file = sample_segment("demo", number, 0, 10);
  file.path = "runs/demo.s00" + std::to_string(number) + ".h5";
  file.header.config.yaml = config;
  return file;
}

TEST(RunSet, a_name_used_again_for_another_configuration_is_another_run) {
  RunSet set;
  group_runs({fresh_start(1, "lr: 2"), fresh_start(0, "lr: 1")}, set);
  ASSERT_EQ(set.runs.size(), 2U);
  EXPECT_EQ(set.runs[0].name, "runs/demo.s000");
  EXPECT_EQ(set.runs[1].name, "runs/demo.s001");
  EXPECT_EQ(set.runs[0].lost_steps + set.runs[1].lost_steps, 0);
}

TEST(RunSet, the_same_configuration_started_again_is_the_same_run) {
  RunSet set;
  group_runs({fresh_start(0, "lr: 1"), fresh_start(1, "lr: 1")}, set);
  ASSERT_EQ(set.runs.size(), 1U);
  EXPECT_EQ(set.runs[0].name, "demo");
  EXPECT_EQ(set.runs[0].lost_steps, 10);
}

TEST(RunSet, a_checkpoint_is_of_the_latest_run_whatever_its_configuration) {
  RunFile resumed = fresh_start(2, "lr: 3");
  resumed.header.identity.resumed_from_step = 10;
  RunSet set;
  group_runs({fresh_start(0, "lr: 1"), fresh_start(1, "lr: 2"), resumed}, set);
  ASSERT_EQ(set.runs.size(), 2U);
  EXPECT_EQ(set.runs[1].last().header.identity.segment, 2);
}

}  // namespace
}  // namespace isoflop
