// SPDX-License-Identifier: MIT
#include "trainer/optim/lr_schedule.hpp"

#include <cmath>
#include <numbers>

namespace isoflop {

double learning_rate(const ScheduleConfig& schedule, double peak, int64_t step) {
  if (step <= schedule.warmup_steps)
    return peak * static_cast<double>(step) / static_cast<double>(schedule.warmup_steps);
  const auto decay_steps = static_cast<double>(schedule.steps - schedule.warmup_steps);
  const double progress = static_cast<double>(step - schedule.warmup_steps) / decay_steps;
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return peak * (schedule.min_lr_fraction + (1.0 - schedule.min_lr_fraction) * cosine);
}

}  // namespace isoflop
