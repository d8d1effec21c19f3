// SPDX-License-Identifier: MIT
#include "core/run/settled_steps.hpp"

#include "segment_samples.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace isoflop {
namespace {

TEST(SettledSteps, of_every_start_leave_out_its_first_ones) {
  // 5 % of 100 steps and two of 10: steps 6-100 and 103-110.
  const TrainingRun run =
      join_segments({sample_segment("a", 0, 0, 100), sample_segment("a", 1, 100, 110)});
  EXPECT_EQ(warm_up_steps(run.segments[0]), 5U);
  EXPECT_EQ(warm_up_steps(run.segments[1]), 2U);
  const std::vector<double> peaks = settled_values(run, &StepRecord::mem_peak_gib);
  ASSERT_EQ(peaks.size(), 95U + 8U);
  EXPECT_EQ(peaks.front(), 2 + 6 / 1024.0);
  EXPECT_EQ(peaks.back(), 2 + 110 / 1024.0);
}

TEST(SettledSteps, what_was_not_recorded_is_not_counted) {
  RunFile segment = sample_segment("a", 0, 0, 10);
  segment.steps.in_memory()[5].mfu.reset();
  EXPECT_EQ(settled_values(join_segments({segment}), &StepRecord::mfu).size(), 7U);
}

TEST(SettledSteps, a_start_shorter_than_the_warm_up_has_none) {
  EXPECT_EQ(warm_up_steps(sample_segment("a", 0, 0, 1)), 1U);
}

TEST(RecentSteps, median_of_the_last_that_were_timed) {
  std::vector<StepRecord> steps(5);
  for (std::size_t i = 0; i < steps.size(); ++i) steps[i].step_s = static_cast<float>(10 - 2 * i);
  EXPECT_EQ(recent_step_s(steps, 3), 4.0);   // of 6, 4, 2
  EXPECT_EQ(recent_step_s(steps, 2), 4.0);   // the upper of 4 and 2
  EXPECT_EQ(recent_step_s(steps, 99), 6.0);  // all
  steps.back().step_s.reset();
  EXPECT_EQ(recent_step_s(steps, 1), 4.0);
  EXPECT_EQ(recent_step_s({}, 3), std::nullopt);
}

}  // namespace
}  // namespace isoflop
