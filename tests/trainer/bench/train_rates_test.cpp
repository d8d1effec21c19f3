// SPDX-License-Identifier: MIT
#include "trainer/bench/train_rates.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(TrainRates, a_probe_is_trained_and_has_a_rate) {
  const TrainProbe probe{
      .d_model = 16, .n_layer = 1, .n_head = 2, .seq_len = 16, .micro_batch_size = 2};
  const TrainRate rate = measure_training(probe, 1);
  EXPECT_EQ(rate.probe.d_model, 16);
  EXPECT_GT(rate.tflops, 0);
  EXPECT_LT(rate.tflops, 100);  // no single core computes that fast
}

}  // namespace
}  // namespace isoflop
