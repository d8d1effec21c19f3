// SPDX-License-Identifier: MIT
#include "planner/pilot/intervals.hpp"

#include "planner/planner_fixtures.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

TEST(PlanIntervals, of_an_uncalibrated_plan_come_from_published_runs) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 72);
  const Plan plan = make_plan(request);
  const PlanIntervals& intervals = plan.intervals;
  const double step_s = plan.choice.layout.step_time.total();
  EXPECT_FALSE(intervals.calibrated);
  EXPECT_NE(intervals.basis.find("published_runs.csv"), std::string::npos);
  EXPECT_NEAR(intervals.step_s.high / step_s, std::exp(1.959964 * intervals.spread), 1e-9);
  EXPECT_NEAR(intervals.step_s.low * intervals.step_s.high, step_s * step_s, 1e-9);
  EXPECT_TRUE(intervals.mfu_causal.contains(plan.mfu_causal));
  EXPECT_TRUE(intervals.tokens.value().contains(plan.choice.n_tokens()));
}

TEST(PlanIntervals, of_wall_time_hold_everything_but_the_margin) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.cluster.partitions.front().job.chain = ChainMode::none;  // no checkpoints in the time
  const Plan plan = make_plan(request);
  const double planned = plan.choice.steps_s() + plan.choice.eval.seconds + 180;
  EXPECT_NEAR(std::sqrt((plan.intervals.wall_s.low - planned + plan.choice.steps_s()) *
                        (plan.intervals.wall_s.high - planned + plan.choice.steps_s())),
              plan.choice.steps_s(), 1);
}

TEST(PlanIntervals, of_the_loss_add_law_and_tokens_in_quadrature) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 72);
  const PlanIntervals intervals = make_plan(request).intervals;
  const Range law = intervals.loss_by_law.value();
  const Range tokens = intervals.loss_by_speed.value();
  const Range both = intervals.loss.value();
  EXPECT_LT(both.low, std::min(law.low, tokens.low));
  EXPECT_GT(both.high, std::max(law.high, tokens.high));
  EXPECT_LT(both.high - both.low, law.high - law.low + tokens.high - tokens.low);
}

TEST(PlanIntervals, tokens_that_were_asked_for_have_none) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.goals.tokens = 5e10;
  request.goals.n_params = 1e9;
  const PlanIntervals intervals = make_plan(request).intervals;
  EXPECT_FALSE(intervals.tokens);
  EXPECT_FALSE(intervals.loss_by_speed);
  EXPECT_GT(intervals.wall_s.high, intervals.wall_s.low);
  EXPECT_EQ(intervals.loss.value().low, intervals.loss_by_law.value().low);
}

TEST(PlanIntervals, all_data_read_is_no_matter_of_speed) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.text.assumed_tokens = 1e9;
  request.goals.max_epochs = 1;
  EXPECT_FALSE(make_plan(request).intervals.tokens);
}

TEST(PlanIntervals, of_a_calibrated_plan_are_marked_with_what_by) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  const double before = make_plan(request).intervals.spread;
  CalibrationFile file = CalibrationFile::load(default_calibration_file());
  CalibrationSection section = file.section("gpu");
  set_constant(section, "step_time_spread", 0.02, "a pilot of 90 steps in 3 layouts");
  file.replace(section);
  request.constants = file;
  const PlanIntervals intervals = make_plan(request).intervals;
  EXPECT_TRUE(intervals.calibrated);
  EXPECT_EQ(intervals.basis, "a pilot of 90 steps in 3 layouts");
  EXPECT_LT(intervals.spread, before);
}

}  // namespace
}  // namespace isoflop
