// SPDX-License-Identifier: MIT
#include "planner/hyper_parameters.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

double batch_tokens(double compute) { return 0.2920 * std::pow(compute, 0.3271); }

double peak_learning_rate(double compute) {
  return std::min(kMaxLearningRate, 0.3118 * std::pow(compute, -0.1250));
}

int64_t warmup_steps(int64_t steps) {
  constexpr int64_t kPublishedWarmup = 2000;
  const int64_t share = std::max<int64_t>(1, steps / 20);
  return std::min({kPublishedWarmup, share, steps - 1});
}

}  // namespace isoflop
