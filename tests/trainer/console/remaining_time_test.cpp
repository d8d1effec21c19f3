// SPDX-License-Identifier: MIT
#include "trainer/console/remaining_time.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// 100 steps of 4 sequences; no checkpoints.
TrainConfig hundred_steps() {
  TrainConfig config;
  config.layout.global_batch_size = 4;
  config.schedule.steps = 100;
  config.checkpoint.interval_minutes = 0;
  config.checkpoint.at_end = false;
  return config;
}

/// Seconds left after step 10, with steps of 1 s but one of 50 s.
std::optional<double> left_at_10(const TrainConfig& config, double evaluation_s = 0,
                                 double stall_s = 0) {
  const RunSchedule schedule(config);
  RemainingTime left(config, schedule);
  for (int64_t step = 1; step <= 10; ++step) left.add_step(step, step == 3 ? 50 : 1);
  if (evaluation_s > 0) left.add_evaluation(evaluation_s);
  if (stall_s > 0) left.add_checkpoint(stall_s);
  return left.after(10);
}

TEST(RemainingTime, is_unknown_before_the_first_step) {
  const TrainConfig config = hundred_steps();
  const RunSchedule schedule(config);
  EXPECT_EQ(RemainingTime(config, schedule).after(0), std::nullopt);
}

TEST(RemainingTime, is_of_the_median_step) {
  EXPECT_DOUBLE_EQ(left_at_10(hundred_steps()).value(), 90);
}

TEST(RemainingTime, follows_the_last_steps) {
  TrainConfig config = hundred_steps();
  config.schedule.steps = 1000;
  const RunSchedule schedule(config);
  RemainingTime left(config, schedule);
  for (int64_t step = 1; step <= 200; ++step) left.add_step(step, step <= 120 ? 1 : 2);
  EXPECT_DOUBLE_EQ(left.after(200).value(), 1600);
}

// At 25, 50, 75 and 100; with an interval of 30 at 30, 60, 90 and 100.
TEST(RemainingTime, counts_the_evaluations_to_come) {
  TrainConfig config = hundred_steps();
  for (const int64_t interval : {25, 30}) {
    config.eval.interval = interval;
    EXPECT_DOUBLE_EQ(left_at_10(config, 2).value(), 90 + 4 * 2.0) << interval;
  }
  config.eval.interval = 0;
  EXPECT_DOUBLE_EQ(left_at_10(config, 2).value(), 90 + 2.0);
}

TEST(RemainingTime, counts_what_training_waits_for_checkpoints) {
  TrainConfig config = hundred_steps();
  config.checkpoint.interval = 20;  // five, and one at the end
  config.checkpoint.at_end = true;
  EXPECT_DOUBLE_EQ(left_at_10(config, 0, 3).value(), 90 + 6 * 3.0);
  config.checkpoint = {.interval_minutes = 0.5, .at_end = false};  // three in 90 s
  EXPECT_DOUBLE_EQ(left_at_10(config, 0, 3).value(), 90 + 3 * 3.0);
}

// Steps 1-50 have 2 sequences, 51-100 four: of a second each, as 0.5 s a sequence.
TEST(RemainingTime, steps_take_the_time_of_their_batch) {
  TrainConfig config = hundred_steps();
  config.schedule.batch_ramp = BatchRamp{.start = 2, .increment = 2, .steps = 50};
  EXPECT_DOUBLE_EQ(left_at_10(config).value(), 40 * 1.0 + 50 * 2.0);
}

}  // namespace
}  // namespace isoflop
