// SPDX-License-Identifier: MIT
#include "core/plan/batch_schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

/// 2 2 2 5 5 5 8 8 ...
const BatchSchedule kRising(8, BatchRamp{.start = 2, .increment = 3, .steps = 6});

std::vector<int64_t> sizes(const BatchSchedule& batches, int64_t n_steps) {
  std::vector<int64_t> result;
  for (int64_t step = 1; step <= n_steps; ++step) result.push_back(batches.batch_size(step));
  return result;
}

TEST(BatchSchedule, without_a_ramp_every_step_has_the_full_batch) {
  const BatchSchedule batches(8);
  EXPECT_THAT(sizes(batches, 3), testing::Each(8));
  EXPECT_EQ(batches.samples_before(1), 0);
  EXPECT_EQ(batches.samples_before(4), 24);
}

TEST(BatchSchedule, ramp_rises_in_equal_stretches_and_stays_at_the_full_batch) {
  EXPECT_THAT(sizes(kRising, 9), testing::ElementsAre(2, 2, 2, 5, 5, 5, 8, 8, 8));
}

TEST(BatchSchedule, samples_before_a_step_are_the_sum_of_its_predecessors) {
  int64_t sum = 0;
  for (int64_t step = 1; step <= 12; ++step) {
    EXPECT_EQ(kRising.samples_before(step), sum) << step;
    sum += kRising.batch_size(step);
  }
}

TEST(BatchSchedule, steps_for_samples_are_rounded_up) {
  EXPECT_EQ(BatchSchedule(8).steps_for(1), 1);
  EXPECT_EQ(BatchSchedule(8).steps_for(8), 1);
  EXPECT_EQ(BatchSchedule(8).steps_for(9), 2);
  EXPECT_EQ(kRising.steps_for(21), 6);  // 3 x 2 + 3 x 5
  EXPECT_EQ(kRising.steps_for(22), 7);
  EXPECT_EQ(kRising.steps_for(30), 8);
}

TEST(BatchSchedule, the_largest_batch_and_number_of_steps_do_not_overflow) {
  const int64_t most = INT32_MAX;
  EXPECT_EQ(BatchSchedule(most).samples_before(most + 1), most * most);
  EXPECT_EQ(BatchSchedule(most).steps_for(most * most), most);
  EXPECT_EQ(BatchSchedule(most).steps_for(most * most + 1), std::nullopt);
  // 1, 2, ... most: the triangular number.
  const BatchSchedule slow(most, BatchRamp{.start = 1, .increment = 1, .steps = most - 1});
  EXPECT_EQ(slow.samples_before(most + 1), most * (most + 1) / 2);
}

TEST(BatchSchedule, first_size_that_micro_steps_do_not_fill_is_named) {
  EXPECT_EQ(BatchSchedule(8).first_size_not_multiple_of(4), std::nullopt);
  EXPECT_EQ(BatchSchedule(8).first_size_not_multiple_of(3), 8);
  EXPECT_EQ(kRising.first_size_not_multiple_of(1), std::nullopt);
  EXPECT_EQ(kRising.first_size_not_multiple_of(2), 5);
  EXPECT_EQ(kRising.first_size_not_multiple_of(4), 2);
}

}  // namespace
}  // namespace isoflop
