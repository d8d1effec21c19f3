// SPDX-License-Identifier: MIT
#include "planner/budget.hpp"

#include "planner/planner_fixtures.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

Calibration margins() {
  Calibration calibration;
  calibration.startup_s = 100;
  calibration.prediction_margin = 0.1;
  return calibration;
}

TEST(Budget, hours_less_start_up_less_margin) {
  Partition partition;
  const Budget budget = make_budget(1, partition, {}, {1, 8}, margins());
  EXPECT_EQ(budget.wall_s, 3600);
  EXPECT_TRUE(budget.cut_reason.empty());
  EXPECT_DOUBLE_EQ(budget.train_s, 3500 * 0.9);
  EXPECT_DOUBLE_EQ(budget.margin_s, 350);
  EXPECT_DOUBLE_EQ(budget.device_hours({1, 8}), 8);
}

TEST(Budget, stops_at_the_partitions_time_limit) {
  Partition partition;
  partition.name = "gpu";
  partition.time_limit_s = 86400;
  const Budget budget = make_budget(72, partition, {}, {1, 1}, margins());
  EXPECT_EQ(budget.wall_s, 86400);
  EXPECT_EQ(budget.asked_s, 72 * 3600);
  EXPECT_THAT(budget.cut_reason, HasSubstr("partition 'gpu' ends jobs after 24 h"));
}

TEST(Budget, never_spends_more_gpu_hours_than_allocated) {
  Partition partition;
  partition.time_limit_s = 86400;
  Allocation allocation;
  allocation.gpu_hours = 100;
  const Budget budget = make_budget(72, partition, allocation, {4, 8}, margins());
  EXPECT_EQ(budget.wall_s, 187 * 60);  // 187.5 minutes would be rounded up by Slurm
  EXPECT_LE(budget.device_hours({4, 8}), 100);
  EXPECT_THAT(budget.cut_reason, HasSubstr("100 GPU hours for 32 GPUs"));
}

TEST(Budget, is_negative_when_start_up_takes_it_all) {
  Partition partition;
  EXPECT_LE(make_budget(0.02, partition, {}, {1, 1}, margins()).train_s, 0);
}

}  // namespace
}  // namespace isoflop
