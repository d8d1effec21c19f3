// SPDX-License-Identifier: MIT
#include "planner/hyper_parameters.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(HyperParameters, large_runs_come_out_near_deepseek_llms_own_choices) {
  // 67B on 2T tokens: lr 3.2e-4 and batches of 4,608 x 4,096 tokens (arXiv:2401.02954, table 2).
  const double compute = 6.0 * 67e9 * 2e12;
  EXPECT_NEAR(peak_learning_rate(compute), 3.2e-4, 0.1e-4);
  EXPECT_NEAR(batch_tokens(compute), 4608.0 * 4096, 0.15 * 4608 * 4096);
}

TEST(HyperParameters, tiny_runs_have_small_batches_and_a_bounded_rate) {
  EXPECT_NEAR(batch_tokens(1e13), 5.2e3, 0.1e3);
  EXPECT_EQ(peak_learning_rate(1e13), kMaxLearningRate);
}

TEST(HyperParameters, warm_up_is_a_twentieth_up_to_2000_steps) {
  EXPECT_EQ(warmup_steps(1000000), 2000);
  EXPECT_EQ(warmup_steps(900), 45);
  EXPECT_EQ(warmup_steps(20), 1);
  EXPECT_EQ(warmup_steps(1), 0);  // must stay below the number of steps
}

}  // namespace
}  // namespace isoflop
