// SPDX-License-Identifier: MIT
#include "planner/budget.hpp"

#include "planner/planner_fixtures.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace isoflop {
namespace {

using testing::HasSubstr;

constexpr double kHour = 3600;

TimeRules margins() {
  TimeRules rules;
  rules.startup_s = 100;
  rules.margin = 0.1;
  rules.requeue_s = 600;
  return rules;
}

TimeLimits hours(double value) {
  TimeLimits limits;
  limits.hours = value;
  return limits;
}

Partition limited_to(double seconds) {
  Partition partition;
  partition.name = "gpu";
  partition.time_limit_s = seconds;
  return partition;
}

double sum_of_losses(const TimeSplit& split) {
  return split.startup_s + split.requeue_s + split.checkpoint_s + split.failure_s + split.margin_s +
         split.train_s;
}

TEST(Budget, hours_less_start_up_less_margin) {
  const Budget budget = make_budget(hours(1), {}, {}, {1, 8}, margins());
  EXPECT_EQ(budget.wall_s, 3600);
  EXPECT_TRUE(budget.cut_reason.empty());
  EXPECT_DOUBLE_EQ(budget.split.train_s, 3500 * 0.9);
  EXPECT_DOUBLE_EQ(budget.split.margin_s, 350);
  EXPECT_DOUBLE_EQ(budget.device_hours({1, 8}), 8);
}

TEST(Budget, stops_at_the_partitions_time_limit) {
  const Budget budget = make_budget(hours(72), limited_to(86400), {}, {1, 1}, margins());
  EXPECT_EQ(budget.wall_s, 86400);
  EXPECT_EQ(budget.asked_s, 72 * 3600);
  EXPECT_THAT(budget.cut_reason, HasSubstr("partition 'gpu' ends jobs after 24 h"));
}

TEST(Budget, never_spends_more_gpu_hours_than_allocated) {
  Allocation allocation;
  allocation.gpu_hours = 100;
  const Budget budget = make_budget(hours(72), limited_to(86400), allocation, {4, 8}, margins());
  EXPECT_EQ(budget.wall_s, 187 * 60);  // 187.5 minutes would be rounded up by Slurm
  EXPECT_LE(budget.device_hours({4, 8}), 100);
  EXPECT_THAT(budget.cut_reason, HasSubstr("100 GPU hours for 32 GPUs"));
}

TEST(Budget, spends_no_more_than_the_user_wants) {
  TimeLimits limits;
  limits.device_hours = 16;
  limits.device_hours_of = "--dollars";
  const Budget budget = make_budget(limits, {}, {}, {1, 8}, margins());
  EXPECT_EQ(budget.wall_s, 2 * 3600);
  EXPECT_THAT(budget.cut_reason, HasSubstr("--dollars is 16 GPU hours for 8 GPUs"));
}

TEST(Budget, is_negative_when_start_up_takes_it_all) {
  EXPECT_LE(make_budget(hours(0.02), {}, {}, {1, 1}, margins()).split.train_s, 0);
}

// 50,700 GPU hours / 1,024 = 49.5 h; 72 / 49.5 = 1.454 expected; 1 - exp(-1.454) = 77 %.
TEST(TimeRules, a_thousand_gpus_are_interrupted_every_two_days) {
  Partition partition;
  partition.device.kind = DeviceClass::gpu;
  const TimeRules rules = make_time_rules(partition, {}, {128, 8}, {});
  EXPECT_NEAR(*rules.mtbf_s / kHour, 49.5, 0.05);
  const TimeSplit split = split_time(72 * kHour, rules);
  EXPECT_NEAR(split.expected_failures, 1.454, 0.001);
  EXPECT_NEAR(1 - split.survival, 0.766, 0.001);
  EXPECT_EQ(split.failure_s, 0) << "a job that cannot resume has nothing to restart";
}

TEST(TimeRules, the_cluster_file_says_how_often_it_fails) {
  Partition partition;
  partition.device.kind = DeviceClass::cpu;
  EXPECT_FALSE(make_time_rules(partition, {}, {1, 4}, {}).mtbf_s);
  Reliability reliability;
  reliability.device_hours_between_interruptions = 400;
  EXPECT_DOUBLE_EQ(*make_time_rules(partition, reliability, {1, 4}, {}).mtbf_s, 100 * kHour);
}

// sqrt(2 x 60 s x 50 h) = 4,648 s. In 100 h: 2 failures, each half an interval (2,324 s), a
// start-up (100 s) and a requeue (600 s): 6,048 s. Of the 353,792 s that start-up and the last
// checkpoint leave, 60 / 4,708 is spent writing.
TEST(SplitTime, counts_checkpoints_by_young_and_daly) {
  TimeRules rules = margins();
  rules.mtbf_s = 50 * kHour;
  rules.checkpoint_s = 60;
  const TimeSplit split = split_time(100 * kHour, rules);
  EXPECT_NEAR(*split.checkpoint_interval_s, 4648, 1);
  EXPECT_DOUBLE_EQ(split.expected_failures, 2);
  EXPECT_NEAR(split.failure_s, 6048, 1);
  EXPECT_NEAR(split.checkpoint_s, 60 + 353'792.0 * 60 / 4708, 2);
  EXPECT_NEAR(sum_of_losses(split), 100 * kHour, 1e-6);
}

// 72 h in jobs of 24 h, of which those before the last stop 60 s early: 48 h / (24 h + 9 min)
// = 1.988, so 3 jobs with 2 waits.
TEST(SplitTime, chains_jobs_that_the_partition_limits) {
  TimeRules rules = margins();
  rules.job_limit_s = 24 * kHour;
  EXPECT_EQ(split_time(72 * kHour, rules).jobs, 1) << "nothing can be resumed";
  rules.checkpoint_s = 30;
  const TimeSplit split = split_time(72 * kHour, rules);
  EXPECT_EQ(split.jobs, 3);
  EXPECT_EQ(split.job_s, 24 * kHour);
  EXPECT_EQ(split.requeue_s, 1200);
  EXPECT_EQ(split.startup_s, 300);
  EXPECT_NEAR(split.checkpoint_s, 90 + 257'610.0 * 30 / 1830, 0.01);
  EXPECT_NEAR(sum_of_losses(split), 72 * kHour, 1e-6);
}

// 48 h in jobs of 24 h: the first ends 20 min early, which with the wait of 10 min makes a third.
TEST(SplitTime, time_to_stop_may_take_another_job) {
  TimeRules rules = margins();
  rules.job_limit_s = 24 * kHour;
  rules.checkpoint_s = 30;
  rules.signal_lead_s = 1140;
  EXPECT_EQ(split_time(47.5 * kHour, rules).jobs, 2);
  EXPECT_EQ(split_time(48 * kHour, rules).jobs, 3);
}

// Thirty minutes, the trainer's own interval: 60 / 1,860 of what start-up and the last one leave.
TEST(SplitTime, checkpoints_cost_where_nothing_fails_too) {
  TimeRules rules = margins();
  rules.checkpoint_s = 60;
  const TimeSplit split = split_time(100 * kHour, rules);
  EXPECT_DOUBLE_EQ(*split.checkpoint_interval_s, 1800);
  EXPECT_NEAR(split.checkpoint_s, 60 + 359'840.0 * 60 / 1860, 1);
  EXPECT_EQ(split.failure_s, 0);
}

TEST(SplitTime, more_failures_than_progress_leave_nothing) {
  TimeRules rules = margins();
  rules.mtbf_s = 100;
  rules.checkpoint_s = 60;
  EXPECT_LE(split_time(10 * kHour, rules).train_s, 0);
}

TEST(ElapsedFor, is_the_inverse_of_split_time) {
  TimeRules rules = margins();
  rules.mtbf_s = 20 * kHour;
  rules.checkpoint_s = 45;
  rules.job_limit_s = 12 * kHour;
  for (const double train_h : {0.5, 5.0, 50.0}) {
    const double elapsed_s = elapsed_for(train_h * kHour, rules, 1000 * kHour).value();
    EXPECT_NEAR(split_time(elapsed_s, rules).train_s, train_h * kHour, 60) << train_h;
  }
  EXPECT_FALSE(elapsed_for(10 * kHour, rules, 5 * kHour));
}

TEST(Budget, chained_jobs_do_not_pay_for_waiting) {
  TimeRules rules = margins();
  rules.job_limit_s = 24 * kHour;
  rules.checkpoint_s = 0;
  const Budget budget = make_budget(hours(72), limited_to(86400), {}, {1, 8}, rules);
  EXPECT_EQ(budget.wall_s, 72 * kHour);
  EXPECT_NEAR(budget.device_hours({1, 8}), 8 * (72 - 2.0 / 6), 1e-9);
}

}  // namespace
}  // namespace isoflop
