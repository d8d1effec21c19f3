// SPDX-License-Identifier: MIT
#include "trainer/telemetry/running_loss.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(RunningLoss, is_the_plain_mean_and_variance_of_the_first_losses) {
  RunningLoss loss;
  for (const double value : {2.0, 4.0, 4.0, 6.0}) loss.add(value);
  EXPECT_EQ(loss.count(), 4);
  EXPECT_DOUBLE_EQ(loss.mean(), 4.0);
  EXPECT_DOUBLE_EQ(loss.variance(), 2.0);  // (4 + 0 + 0 + 4) / 4
}

// Twenty losses of 2.9 and 3.1: mean 3, deviation 0.1.
TEST(RunningLoss, a_spike_is_sigma_deviations_above_the_mean_of_twenty_losses) {
  RunningLoss loss;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(loss.is_spike(100, 6)) << i;
    loss.add(i % 2 == 0 ? 2.9 : 3.1);
  }
  EXPECT_FALSE(loss.is_spike(3.59, 6));
  EXPECT_TRUE(loss.is_spike(3.61, 6));
  EXPECT_TRUE(loss.is_spike(3.59, 5));
  EXPECT_FALSE(loss.is_spike(1e9, 0));
  EXPECT_NEAR(loss.deviations_above_mean(3.61), 6.1, 1e-9);
}

TEST(RunningLoss, constant_loss_has_no_variance) {
  RunningLoss loss;
  for (int i = 0; i < 300; ++i) loss.add(3.25);
  EXPECT_DOUBLE_EQ(loss.mean(), 3.25);
  EXPECT_DOUBLE_EQ(loss.variance(), 0.0);
}

// After 100 equal losses of 0 each further loss weighs 1 %: mean d / 100, variance 0.99 d^2 / 100.
TEST(RunningLoss, beyond_the_horizon_a_loss_weighs_one_percent) {
  RunningLoss loss;
  for (int i = 0; i < 100; ++i) loss.add(0.0);
  loss.add(5.0);
  EXPECT_DOUBLE_EQ(loss.mean(), 0.05);
  EXPECT_DOUBLE_EQ(loss.variance(), 0.99 * 0.01 * 25.0);
}

}  // namespace
}  // namespace isoflop
