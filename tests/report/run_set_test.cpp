// SPDX-License-Identifier: MIT
#include "report/run_set.hpp"

#include "run_samples.hpp"

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

}  // namespace
}  // namespace isoflop
