// SPDX-License-Identifier: MIT
#include "trainer/deadline_watch.hpp"

#include "tiny_training.hpp"
#include "trainer/backend/step_state.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// Steps of 8 sequences, the last fifth of them down; a deadline after 100 s.
class DeadlineWatchTest : public testing::Test {
 protected:
  /// The first vote that is not 0 and the step it is cast with, steps beginning at the times given.
  struct Vote {
    int64_t step = 0;
    double value = 0;
  };
  template <typename BeginSeconds>
  Vote first_vote(const BeginSeconds& begin_s) {
    for (int64_t step = 1; step <= schedule_.last_step(); ++step) {
      watch_.begin_step(step, schedule_.batches().batch_size(step), begin_s(step));
      if (const double vote = watch_.vote(schedule_); vote != 0) return {step, vote};
    }
    return {};
  }
  static TrainConfig config() {
    TrainConfig config = test::tiny_config(test::tiny_llama(), "data");
    config.schedule = {.steps = 1000, .warmup_steps = 2, .kind = ScheduleKind::wsd};
    return config;
  }
  RunSchedule schedule_{config()};
  DeadlineWatch watch_{100, {.interval = 0, .sequences = 4}};
};

// Evaluation of 4 sequences: taken for half a step. Voting at step s: (4 + (s + 2) / 4) x 1.05 +
// 0.5 + 1 > 100 - s, first at 75: 23 x 1.05 + 1.5 = 25.65 > 25. The decay from step 77 on follows
// 76 steps.
TEST_F(DeadlineWatchTest, asks_for_the_decay_when_it_takes_the_time_that_is_left) {
  const Vote vote = first_vote([](int64_t step) { return static_cast<double>(step); });
  EXPECT_EQ(vote.step, 75);
  EXPECT_EQ(vote.value, 19);
}

TEST_F(DeadlineWatchTest, has_time_when_all_steps_fit) {
  const Vote vote = first_vote([](int64_t step) { return 0.09 * static_cast<double>(step); });
  EXPECT_EQ(vote.step, 0);
}

// Two laps are left out, five make a pace: the first vote is that of step 8.
TEST_F(DeadlineWatchTest, knows_no_pace_before_five_steps) {
  const Vote vote = first_vote([](int64_t step) { return 12.0 * static_cast<double>(step); });
  EXPECT_EQ(vote.step, 8);
  EXPECT_EQ(vote.value, 2);  // a quarter of the 9 steps before
}

TEST_F(DeadlineWatchTest, gives_up_at_the_deadline) {
  const Vote vote = first_vote([](int64_t step) { return 30.0 * static_cast<double>(step); });
  EXPECT_EQ(vote.step, 4);
  EXPECT_EQ(vote.value, StepVotes::kOutOfTime);
}

// 30 steps, of which 6 come down; from step 25 on it votes only if the end is out of reach.
TEST_F(DeadlineWatchTest, gives_up_a_decay_that_is_under_way_when_only_steps_on_their_way_fit) {
  schedule_.choose({25, 6});
  for (int64_t step = 1; step <= 26; ++step) watch_.begin_step(step, 8, static_cast<double>(step));
  EXPECT_EQ(watch_.vote(schedule_), 0);
  watch_.begin_step(27, 8, 99.0);  // 72 s late: 96 s in 24 laps, 4 s a step
  EXPECT_EQ(watch_.vote(schedule_), StepVotes::kOutOfTime);
}

TEST_F(DeadlineWatchTest, lets_the_last_two_steps_run) {
  schedule_.choose({25, 6});
  for (int64_t step = 1; step <= 29; ++step)
    watch_.begin_step(step, 8, 200.0 + static_cast<double>(step));
  EXPECT_EQ(watch_.vote(schedule_), 0);
}

// An evaluation of 5 s every 10 steps is half a second a step.
TEST_F(DeadlineWatchTest, evaluations_count_at_their_share_and_at_the_end) {
  DeadlineWatch watch(100, {.interval = 10, .sequences = 4});
  double now_s = 0;
  int64_t step = 0;
  do {
    watch.begin_step(++step, 8, ++now_s);
    if (step % 10 != 0) continue;
    watch.evaluated(5);
    now_s += 5;
  } while (watch.vote(schedule_) == 0);
  // Step 47, after 4 evaluations: 100 - 67 = 33 s left, (4 + 12) x 1.5 x 1.05 + 5 + 1 = 31.2 s
  // needed; step 48: 32 s left, (4 + 13) x 1.5 x 1.05 + 6 = 32.8 s needed.
  EXPECT_EQ(step, 48);
}

}  // namespace
}  // namespace isoflop
