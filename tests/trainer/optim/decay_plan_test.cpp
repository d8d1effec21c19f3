// SPDX-License-Identifier: MIT
#include "trainer/optim/decay_plan.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// A fifth of all steps: a quarter of those before.
constexpr ScheduleConfig kSchedule{
    .steps = 1000, .warmup_steps = 10, .kind = ScheduleKind::wsd, .decay_fraction = 0.2};

TEST(DecayPlan, of_all_steps_is_their_last_share) {
  EXPECT_EQ(planned_decay(kSchedule), (DecayPlan{801, 200}));
  EXPECT_EQ(planned_decay(kSchedule).last_step(), 1000);
}

TEST(DecayPlan, is_the_same_share_of_any_number_of_steps) {
  EXPECT_EQ(decay_steps_after(kSchedule, 800), 200);
  EXPECT_EQ(decay_steps_after(kSchedule, 40), 10);
  EXPECT_EQ(decay_steps_after(kSchedule, 39), 10);  // 9.75
  EXPECT_EQ(decay_steps_after(kSchedule, 1), 1);
}

// Of a decay from step 41 on: steps 37 to 40 and a quarter of 40 steps, 14 x 1.05 + 1 = 15.7 s.
TEST(DecayPlan, begins_when_one_step_later_would_be_too_late) {
  EXPECT_EQ(decay_for_deadline(kSchedule, {.step = 38, .left_s = 15.71, .step_s = 1}),
            std::nullopt);
  EXPECT_EQ(decay_for_deadline(kSchedule, {.step = 38, .left_s = 15.69, .step_s = 1}),
            (DecayPlan{40, 10}));
}

// 14 x 0.5 x 1.05 + 3 + 1 = 11.35 s.
TEST(DecayPlan, counts_the_pace_and_what_follows_the_last_step) {
  const TimeLeft enough{.step = 38, .left_s = 11.36, .step_s = 0.5, .end_s = 3};
  EXPECT_EQ(decay_for_deadline(kSchedule, enough), std::nullopt);
  const TimeLeft too_little{.step = 38, .left_s = 11.34, .step_s = 0.5, .end_s = 3};
  EXPECT_EQ(decay_for_deadline(kSchedule, too_little), (DecayPlan{40, 10}));
}

TEST(DecayPlan, leaves_the_end_of_all_steps_alone) {
  EXPECT_EQ(decay_for_deadline(kSchedule, {.step = 798, .left_s = 1, .step_s = 1}),
            (DecayPlan{800, 200}));
  EXPECT_EQ(decay_for_deadline(kSchedule, {.step = 799, .left_s = 1, .step_s = 1}), std::nullopt);
}

// However the pace is, the run ends inside the time: what is left of it when the decay is chosen
// covers the steps on their way, the decay and the second that is kept free.
TEST(DecayPlan, fits_into_the_time_at_any_pace) {
  for (const double step_s : {0.01, 0.3, 2.0, 17.0}) {
    const double deadline_s = 300 * step_s + 10;
    for (int64_t step = 1; step < 1000; ++step) {
      const double left_s = deadline_s - static_cast<double>(step) * step_s;
      const auto decay =
          decay_for_deadline(kSchedule, {.step = step, .left_s = left_s, .step_s = step_s});
      if (!decay) continue;
      EXPECT_LE(static_cast<double>(decay->last_step() - step + 2) * step_s + 1, left_s) << step_s;
      // 5 % of a fifth, 10 s and some steps on their way are what it may leave unused.
      EXPECT_GT(decay->last_step(), static_cast<int64_t>(300 * 0.97) - 5) << step_s;
      break;
    }
  }
}

}  // namespace
}  // namespace isoflop
