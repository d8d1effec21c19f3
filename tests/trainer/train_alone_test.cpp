// SPDX-License-Identifier: MIT
// Several threads: apart from train_test.cpp, whose ranks fill the processors by themselves.
#include "tiny_training.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

std::vector<double> losses_with_threads(int n_threads,
                                        OptimizerKind optimizer = OptimizerKind::adamw) {
  const test::TinyData data;
  TrainConfig config = test::tiny_config(test::tiny_llama(), data.folder());
  config.layout.micro_batch_size = 8;
  config.schedule.steps = 6;
  config.optimizer.kind = optimizer;
  SingleLaunch alone("here");
  return test::train_losses(config, alone, make_cpu_backend({.n_threads = n_threads}));
}

TEST(TrainAlone, two_threads_give_the_same_bits_each_time) {
  EXPECT_EQ(losses_with_threads(2), losses_with_threads(2));
}

TEST(TrainAlone, two_threads_give_the_same_bits_each_time_with_muon) {
  EXPECT_EQ(losses_with_threads(2, OptimizerKind::muon),
            losses_with_threads(2, OptimizerKind::muon));
}

}  // namespace
}  // namespace isoflop
