// SPDX-License-Identifier: MIT
#include "planner/critical_batch.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

double critical_batch_tokens(double n_tokens) {
  constexpr double kSequence = 512;
  return 22.91 * std::pow(n_tokens / 1e6, 0.47) * kSequence;
}

double token_worth(double batch, double usual, double n_tokens) {
  const double critical = critical_batch_tokens(n_tokens);
  const double usual_overhead = kCriticalOverhead * std::min(usual, critical) / critical;
  const double overhead = kCriticalOverhead * batch / critical;
  return std::min(1.0, (1 + usual_overhead) / (1 + overhead));
}

}  // namespace isoflop
