// SPDX-License-Identifier: MIT
#include "trainer/health/activity.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

class ActivityTest : public testing::Test {
 protected:
  /// Steps from `first` on that take so long each, the last of them under way.
  void take_steps(int64_t first, int n, double seconds) {
    for (int i = 0; i < n; ++i) {
      activity_.begin_step(first + i);
      now_s_ += seconds;
    }
  }
  double now_s_ = 100;
  Activity activity_{[this] { return now_s_; }};
};

TEST_F(ActivityTest, begins_in_the_start_phase_of_no_step) {
  now_s_ = 130;
  const Doing doing = activity_.now();
  EXPECT_EQ(doing.phase, Phase::start);
  EXPECT_EQ(doing.step, 0);
  EXPECT_EQ(doing.since_s, 100);
  EXPECT_EQ(doing.step_since_s, 100);
  EXPECT_EQ(activity_.seconds(), 130);
}

TEST_F(ActivityTest, tells_step_phase_and_since_when) {
  now_s_ = 200;
  activity_.begin_step(7);
  EXPECT_EQ(activity_.now().phase, Phase::data);
  now_s_ = 203;
  activity_.enter(Phase::backward);
  now_s_ = 210;
  const Doing doing = activity_.now();
  EXPECT_EQ(doing.step, 7);
  EXPECT_EQ(doing.phase, Phase::backward);
  EXPECT_EQ(doing.since_s, 203);
  EXPECT_EQ(doing.step_since_s, 200);
}

TEST_F(ActivityTest, the_median_is_of_steps_behind_the_first_two_and_needs_five) {
  take_steps(1, 2, 50);  // compile, warm up
  take_steps(3, 5, 2);
  EXPECT_EQ(activity_.median_step_s(), std::nullopt);  // four are over
  take_steps(8, 1, 2);
  EXPECT_EQ(activity_.median_step_s(), 2);
}

TEST_F(ActivityTest, one_slow_step_does_not_move_the_median) {
  take_steps(1, 20, 2);
  take_steps(21, 1, 500);
  take_steps(22, 20, 2);
  EXPECT_EQ(activity_.median_step_s(), 2);
}

TEST_F(ActivityTest, the_median_is_of_the_last_63_steps) {
  take_steps(1, 100, 2);
  take_steps(101, 64, 3);
  EXPECT_EQ(activity_.median_step_s(), 3);
}

TEST_F(ActivityTest, evaluations_and_checkpoints_are_no_part_of_a_step) {
  for (int64_t step = 1; step <= 20; ++step) {
    activity_.begin_step(step);
    now_s_ += 2;
    activity_.enter(Phase::checkpoint);
    now_s_ += 30;
    activity_.enter(Phase::evaluation);
    now_s_ += 40;
  }
  EXPECT_EQ(activity_.median_step_s(), 2);
}

TEST_F(ActivityTest, first_steps_and_those_after_a_pause_are_out_of_the_ordinary) {
  take_steps(1, 7, 2);
  EXPECT_TRUE(activity_.is_out_of_the_ordinary());
  take_steps(8, 1, 2);
  EXPECT_FALSE(activity_.is_out_of_the_ordinary());
  activity_.enter(Phase::checkpoint);
  EXPECT_TRUE(activity_.is_out_of_the_ordinary());
  take_steps(9, 1, 2);
  EXPECT_TRUE(activity_.is_out_of_the_ordinary());
  take_steps(10, 1, 2);
  EXPECT_TRUE(activity_.is_out_of_the_ordinary());
  take_steps(11, 1, 2);
  EXPECT_FALSE(activity_.is_out_of_the_ordinary());
}

TEST_F(ActivityTest, a_process_that_was_stopped_begins_anew) {
  take_steps(1, 20, 2);
  now_s_ += 5000;
  activity_.begin_anew();
  EXPECT_EQ(activity_.now().since_s, now_s_);
  EXPECT_EQ(activity_.now().step_since_s, now_s_);
  EXPECT_EQ(activity_.now().step, 20);
}

}  // namespace
}  // namespace isoflop
