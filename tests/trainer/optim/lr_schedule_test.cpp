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

constexpr ScheduleConfig of_kind(ScheduleKind kind) {
  return {.steps = 110, .warmup_steps = 10, .min_lr_fraction = 0.1, .kind = kind};
}

TEST(LrSchedule, all_kinds_warm_up_alike) {
  for (const EnumName<ScheduleKind>& kind : kScheduleKindNames) {
    EXPECT_DOUBLE_EQ(learning_rate(of_kind(kind.value), kPeak, 1), 3e-5) << kind.name;
    EXPECT_DOUBLE_EQ(learning_rate(of_kind(kind.value), kPeak, 10), kPeak) << kind.name;
  }
}

// A quarter of the 100 steps down: 0.1 + 0.9 x 0.75.
TEST(LrSchedule, linear_comes_down_by_equal_steps) {
  EXPECT_DOUBLE_EQ(learning_rate(of_kind(ScheduleKind::linear), 1.0, 35), 0.775);
  EXPECT_DOUBLE_EQ(learning_rate(of_kind(ScheduleKind::linear), 1.0, 110), 0.1);
}

TEST(LrSchedule, constant_stays_at_the_peak_whatever_the_fraction) {
  for (const int64_t step : {11, 60, 110})
    EXPECT_DOUBLE_EQ(learning_rate(of_kind(ScheduleKind::constant), kPeak, step), kPeak) << step;
}

/// 25 of 100 steps come down: 76 .. 100.
constexpr ScheduleConfig wsd(DecayShape shape) {
  return {.steps = 100,
          .warmup_steps = 10,
          .min_lr_fraction = 0.1,
          .kind = ScheduleKind::wsd,
          .decay_fraction = 0.25,
          .decay_shape = shape};
}

TEST(LrSchedule, wsd_keeps_the_peak_until_its_decay) {
  for (const int64_t step : {11, 40, 75})
    EXPECT_DOUBLE_EQ(learning_rate(wsd(DecayShape::linear), kPeak, step), kPeak) << step;
}

// Step 80 is a fifth of the way, step 84 nine of 25: sqrt(9 / 25) = 3 / 5, so 0.1 + 0.9 x 2 / 5.
TEST(LrSchedule, wsd_comes_down_in_the_chosen_shape) {
  EXPECT_DOUBLE_EQ(learning_rate(wsd(DecayShape::linear), 1.0, 80), 0.82);
  EXPECT_DOUBLE_EQ(learning_rate(wsd(DecayShape::one_minus_sqrt), 1.0, 84), 0.46);
}

TEST(LrSchedule, wsd_ends_at_the_minimum) {
  for (const EnumName<DecayShape>& shape : kDecayShapeNames)
    EXPECT_DOUBLE_EQ(learning_rate(wsd(shape.value), kPeak, 100), 3e-5) << shape.name;
}

// 0.01 of 3 steps is no whole step.
TEST(LrSchedule, wsd_decays_for_at_least_one_step) {
  const ScheduleConfig schedule{
      .steps = 3, .min_lr_fraction = 0, .kind = ScheduleKind::wsd, .decay_fraction = 0.01};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, kPeak, 2), kPeak);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, kPeak, 3), 0);
}

TEST(LrSchedule, a_chosen_decay_takes_the_place_of_the_planned_one) {
  const ScheduleConfig schedule = wsd(DecayShape::linear);
  const DecayPlan decay{41, 10};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, decay, 1.0, 40), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, decay, 1.0, 45), 0.55);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, decay, 1.0, 50), 0.1);
}

// 0.5 is reached after 5 of 10 steps of warm-up; half way from there to 0.1 is 0.3.
TEST(LrSchedule, a_decay_that_begins_in_the_warm_up_starts_from_the_rate_reached) {
  const ScheduleConfig schedule = wsd(DecayShape::linear);
  const DecayPlan decay{6, 2};
  EXPECT_DOUBLE_EQ(learning_rate(schedule, decay, 1.0, 5), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, decay, 1.0, 6), 0.3);
  EXPECT_DOUBLE_EQ(learning_rate(schedule, decay, 1.0, 7), 0.1);
}

}  // namespace
}  // namespace isoflop
