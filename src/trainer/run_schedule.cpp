// SPDX-License-Identifier: MIT
#include "trainer/run_schedule.hpp"

#include "trainer/optim/lr_schedule.hpp"

namespace isoflop {

RunSchedule::RunSchedule(const TrainConfig& config)
    : config_(config.schedule), peak_lr_(config.optimizer.lr), batches_(config.batches()) {}

double RunSchedule::learning_rate(int64_t step) const {
  return isoflop::learning_rate(config_, decay(), peak_lr_, step);
}

bool RunSchedule::choose(const DecayPlan& decay) {
  if (chosen_) return false;
  chosen_ = decay;
  return true;
}

}  // namespace isoflop
