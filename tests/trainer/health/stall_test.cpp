// SPDX-License-Identifier: MIT
#include "trainer/health/stall.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// After steps of 100 s each, at the begin of another.
class StallTest : public testing::Test {
 protected:
  StallTest() {
    for (int64_t step = 1; step <= 20; ++step) {
      activity_.begin_step(step);
      now_s_ += 100;
    }
    activity_.begin_step(21);
  }
  bool stalls_after(double seconds) {
    now_s_ += seconds;
    const bool found = find_stall(config_, activity_).has_value();
    now_s_ -= seconds;
    return found;
  }
  double now_s_ = 0;
  Activity activity_{[this] { return now_s_; }};
  HealthConfig config_;  // ten steps, at least 600 s; 1800 s
};

TEST_F(StallTest, a_phase_may_last_ten_median_steps) {
  EXPECT_FALSE(stalls_after(999));
  EXPECT_TRUE(stalls_after(1001));
}

TEST_F(StallTest, short_steps_may_last_the_least_limit) {
  config_.stall_factor = 5;
  EXPECT_FALSE(stalls_after(599));
  EXPECT_TRUE(stalls_after(601));
}

TEST_F(StallTest, says_where_and_for_how_long) {
  activity_.enter(Phase::forward);
  now_s_ += 2000;
  const auto stall = find_stall(config_, activity_);
  ASSERT_TRUE(stall.has_value());
  EXPECT_EQ(stall->doing.phase, Phase::forward);
  EXPECT_EQ(stall->doing.step, 21);
  EXPECT_EQ(stall->lasted_s, 2000);
  EXPECT_EQ(stall->limit_s, 1000);
}

TEST_F(StallTest, a_step_whose_phases_go_on_does_not_stall) {
  for (int micro_step = 0; micro_step < 10; ++micro_step) {
    now_s_ += 900;
    EXPECT_FALSE(stalls_after(0));
    activity_.enter(Phase::forward);
  }
}

TEST_F(StallTest, evaluations_checkpoints_and_the_end_may_last_as_pauses_do) {
  for (const Phase phase : {Phase::evaluation, Phase::checkpoint, Phase::end}) {
    activity_.enter(phase);
    EXPECT_FALSE(stalls_after(1799)) << to_string(phase);
    EXPECT_TRUE(stalls_after(1801)) << to_string(phase);
  }
}

TEST_F(StallTest, a_pause_may_last_no_less_than_a_step) {
  config_.pause_limit_s = 1;
  activity_.enter(Phase::evaluation);
  EXPECT_FALSE(stalls_after(999));
  EXPECT_TRUE(stalls_after(1001));
}

TEST_F(StallTest, the_start_may_last_as_pauses_do) {
  Activity fresh([this] { return now_s_; });
  now_s_ += 1799;
  EXPECT_FALSE(find_stall(config_, fresh).has_value());
  now_s_ += 2;
  EXPECT_TRUE(find_stall(config_, fresh).has_value());
}

TEST_F(StallTest, factor_0_finds_none) {
  config_.stall_factor = 0;
  EXPECT_FALSE(stalls_after(1e9));
  now_s_ += 1e9;
  EXPECT_FALSE(is_slow(config_, activity_));
}

// One that crawls through its phases, while others wait for it, must hear that they gave up.
TEST_F(StallTest, a_step_of_half_the_limit_is_slow_whatever_its_phases_do) {
  now_s_ += 499;
  activity_.enter(Phase::backward);
  EXPECT_FALSE(is_slow(config_, activity_));
  now_s_ += 2;
  EXPECT_TRUE(is_slow(config_, activity_));
}

}  // namespace
}  // namespace isoflop
