// SPDX-License-Identifier: MIT
#include "trainer/optim/lr_schedule.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr double kPeak = 3e-4;
constexpr ScheduleConfig kSchedule{.steps = 110, .warmup_steps = 10, .min_lr_fraction = 0.1};

TEST(LrSchedule, warm_up_rises_by_equal_steps_from_zero) {
  EXPECT_DOUBLE_EQ(learning_rate(kSchedule, kPeak, 1), 3e-5);
  EXPECT_DOUBLE_EQ(learning_rate(kSchedule, kPeak, 5), 1.5e-4);
}

TEST(LrSchedule, warm_up_ends_at_the_peak) {
  EXPECT_DOUBLE_EQ(learning_rate(kSchedule, kPeak, 10), kPeak);
}

TEST(LrSchedule, half_way_down_is_the_mean_of_peak_and_minimum) {
  EXPECT_DOUBLE_EQ(learning_rate(kSchedule, kPeak, 60), kPeak * 0.55);
}

// cos(pi / 3) = 1/2 at a third of the way: 0.1 + 0.9 x 0.75.
TEST(LrSchedule, a_third_of_the_way_down_is_three_quarters_of_the_cosine) {
  const ScheduleConfig schedule{.steps = 160, .warmup_steps = 10, .min_lr_fraction = 0.1};
  EXPECT_NEAR(learning_rate(schedule, 1.0, 60), 0.775, 1e-15);
}

TEST(LrSchedule, last_step_has_the_minimum_fraction_of_the_peak) {
  EXPECT_DOUBLE_EQ(learning_rate(kSchedule, kPeak, 110), 3e-5);
}

TEST(LrSchedule, without_warm_up_decay_starts_at_the_first_step) {
  const ScheduleConfig schedule{.steps = 2, .warmup_steps = 0, .min_lr_fraction = 0};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, 1.0, 1), 0.5);
  EXPECT_NEAR(learning_rate(schedule, 1.0, 2), 0.0, 1e-16);
}

TEST(LrSchedule, fraction_of_one_keeps_the_peak) {
  const ScheduleConfig schedule{.steps = 7, .warmup_steps = 1, .min_lr_fraction = 1};
  for (int64_t step = 1; step <= 7; ++step)
    EXPECT_DOUBLE_EQ(learning_rate(schedule, kPeak, step), kPeak) << step;
}

}  // namespace
}  // namespace isoflop
