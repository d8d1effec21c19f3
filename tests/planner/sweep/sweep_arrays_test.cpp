// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_fixtures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace isoflop {
namespace {

using testing::ElementsAre;

class SweepArrays : public testing::Test {
 protected:
  SweepRun run(const JobSize& job, double job_s) {
    return test::fixed_run(cluster_.partitions.front(), job, job_s, "r");
  }
  Cluster cluster_ = test::h100_cluster();
};

TEST_F(SweepArrays, hold_equal_jobs_of_about_one_length) {
  const std::vector<SweepRun> runs = {run({1, 8}, 3600), run({2, 8}, 3600), run({1, 8}, 3700),
                                      run({1, 8}, 36000)};
  const std::vector<SweepArray> arrays = group_runs(runs, 10);
  ASSERT_EQ(arrays.size(), 3U);
  EXPECT_THAT(arrays[0].runs, ElementsAre(0, 2));
  EXPECT_EQ(arrays[0].job_s, 3700 + 65 + kSignalEarliness_s);
  EXPECT_EQ(arrays[0].signal_lead_s, 65);
  EXPECT_THAT(arrays[1].runs, ElementsAre(3));
  EXPECT_EQ(arrays[2].job.nodes, 2);
}

TEST_F(SweepArrays, stay_within_the_limit_of_the_partition) {
  SweepRun longest = run({1, 8}, 3600);
  longest.plan.choice.budget.rules.job_limit_s = 3650;
  const std::vector<SweepArray> arrays = group_runs({longest}, 1);
  EXPECT_EQ(arrays[0].job_s, 3600);
}

TEST_F(SweepArrays, share_the_cap_by_their_hours) {
  std::vector<SweepRun> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(run({1, 8}, 3600));
  for (int i = 0; i < 6; ++i) runs.push_back(run({4, 8}, 3600));
  const std::vector<SweepArray> arrays = group_runs(runs, 5);
  ASSERT_EQ(arrays.size(), 2U);
  EXPECT_EQ(arrays[0].max_running, 1);
  EXPECT_EQ(arrays[1].max_running, 4);
}

TEST_F(SweepArrays, never_let_more_run_than_they_have) {
  const std::vector<SweepArray> arrays = group_runs({run({1, 8}, 60), run({1, 8}, 60)}, 100);
  ASSERT_EQ(arrays.size(), 1U);
  EXPECT_EQ(arrays[0].max_running, 2);
}

TEST_F(SweepArrays, are_no_larger_than_slurm_takes) {
  const std::vector<SweepRun> runs(kLargestArray + 1, run({1, 8}, 3600));
  const std::vector<SweepArray> arrays = group_runs(runs, 10);
  ASSERT_EQ(arrays.size(), 2U);
  EXPECT_EQ(arrays[0].runs.size(), kLargestArray);
  EXPECT_EQ(arrays[1].runs.size(), 1U);
}

}  // namespace
}  // namespace isoflop
