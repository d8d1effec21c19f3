// SPDX-License-Identifier: MIT
#include "planner/pilot/pilot_plan.hpp"

#include "planner/pilot/pilot_fixtures.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(PilotPlan, starts_with_the_plans_own_layout_and_stays_within_15_minutes) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.cluster.partitions.front().job.chain = ChainMode::none;
  const Plan plan = make_plan(request);
  const PilotPlan pilot = plan_pilot(plan, request, "/plans/x/pilot");
  // Start-up of three minutes leaves time for two layouts in turn, not for three.
  ASSERT_EQ(pilot.runs.size(), 4U);
  EXPECT_EQ(pilot.layouts, 2U);
  EXPECT_EQ(pilot.rounds, kPilotRounds);
  EXPECT_EQ(pilot.runs.front().config.layout, plan.config.layout);
  EXPECT_LE(pilot.wall_s, kLongestPilot_s);
  EXPECT_LT(pilot.expected_s, pilot.wall_s);
  EXPECT_EQ(static_cast<int>(pilot.wall_s) % 60, 0);
  for (const PilotRun& run : pilot.runs) {
    EXPECT_GE(run.config.schedule.steps, kPilotWarmUpSteps + kPilotTimedSteps / kPilotRounds);
    EXPECT_EQ(run.config.model, plan.config.model);
    EXPECT_EQ(run.config.run.out, "/plans/x/pilot");
    EXPECT_EQ(run.config.layout.global_batch_size, plan.config.layout.global_batch_size);
    EXPECT_LE(run.config.prediction.value().step_s,
              (1 + kPilotContest) * plan.choice.layout.step_time.total());
    EXPECT_EQ(run.config.eval.interval, 0);
    EXPECT_FALSE(run.config.checkpoint.on_the_way() || run.config.checkpoint.at_end ||
                 run.config.checkpoint.resume);
  }
  EXPECT_EQ(pilot.runs[0].config.run.name, "test-pilot");
  EXPECT_EQ(pilot.runs[1].config.run.name, "test-pilot-2");
  EXPECT_NE(pilot.runs[1].config.layout, pilot.runs[0].config.layout);
  for (std::size_t i = 0; i < pilot.layouts; ++i) {
    EXPECT_EQ(pilot.runs[i + pilot.layouts].config.layout, pilot.runs[i].config.layout);
    EXPECT_NE(pilot.runs[i + pilot.layouts].config.run.name, pilot.runs[i].config.run.name);
  }
}

TEST(PilotPlan, short_steps_are_timed_for_seconds) {
  const Cluster cluster = test::cpu_cluster();
  const PlanRequest request = test::laptop_request(cluster);
  const PilotPlan pilot = plan_pilot(make_plan(request), request, "pilot");
  EXPECT_EQ(pilot.runs.size(), kMostPilotLayouts * kPilotRounds);
  for (const PilotRun& run : pilot.runs)
    EXPECT_GE(static_cast<double>(run.config.schedule.steps) * run.layout.step_time.total(),
              kPilotTimed_s / kPilotRounds);
}

TEST(PilotPlan, long_steps_accumulate_less) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.n_devices = 8;
  Plan plan = make_plan(request);
  plan.choice.layout.layout.grad_accum_steps = 4096;  // thousands of seconds
  plan.choice.layout.step_time.matmul_s *= 4096;
  plan.intervals.step_s.high *= 4096;
  const PilotPlan pilot = plan_pilot(plan, request, "pilot");
  ASSERT_FALSE(pilot.runs.empty());
  EXPECT_LT(pilot.runs.front().layout.layout.grad_accum_steps, 4096);
  EXPECT_LE(pilot.wall_s, kLongestPilot_s);
}

TEST(PilotPlan, there_is_none_where_15_minutes_hold_too_few_steps) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 72);
  Plan plan = make_plan(request);
  plan.intervals.step_s.high *= 10000;  // nobody knows how slow
  EXPECT_TRUE(plan_pilot(plan, request, "pilot").runs.empty());
}

}  // namespace
}  // namespace isoflop
