// SPDX-License-Identifier: MIT
#include "trainer/optim/lr_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace isoflop {
namespace {

double share(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// From 1 at t = 0 to 0 at t = 1.
double decay(DecayShape shape, double t) {
  return shape == DecayShape::linear ? 1.0 - t : 1.0 - std::sqrt(t);
}

/// Where the rate stands between minimum (0) and peak (1) after the warm-up.
double height(const ScheduleConfig& schedule, int64_t step) {
  const double progress =
      share(step - schedule.warmup_steps, schedule.steps - schedule.warmup_steps);
  switch (schedule.kind) {
    case ScheduleKind::cosine:
      return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    case ScheduleKind::linear:
      return 1.0 - progress;
    case ScheduleKind::constant:
      break;
    case ScheduleKind::wsd: {
      const int64_t n_decay = schedule.decay_steps();
      const int64_t decayed = std::max<int64_t>(0, step - (schedule.steps - n_decay));
      return decay(schedule.decay_shape, share(decayed, n_decay));
    }
  }
  return 1.0;
}

}  // namespace

double learning_rate(const ScheduleConfig& schedule, double peak, int64_t step) {
  if (step <= schedule.warmup_steps) return peak * share(step, schedule.warmup_steps);
  const double low = schedule.min_lr_fraction;
  return peak * (low + (1.0 - low) * height(schedule, step));
}

}  // namespace isoflop
