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

/// Of the peak, by warm-up alone: 1 once it is over.
double warmed_up(const ScheduleConfig& schedule, int64_t step) {
  return step < schedule.warmup_steps ? share(step, schedule.warmup_steps) : 1.0;
}

/// From 1 at t = 0 to 0 at t = 1.
double decay_curve(DecayShape shape, double t) {
  return shape == DecayShape::linear ? 1.0 - t : 1.0 - std::sqrt(t);
}

/// From `high` at height 1 to the minimum at height 0.
double between(const ScheduleConfig& schedule, double high, double height) {
  const double low = std::min(schedule.min_lr_fraction, high);
  return low + (high - low) * height;
}

/// Share of the way from the end of the warm-up to the last step.
double progress(const ScheduleConfig& schedule, int64_t step) {
  return share(step - schedule.warmup_steps, schedule.steps - schedule.warmup_steps);
}

double decayed(const ScheduleConfig& schedule, const DecayPlan& decay, int64_t step) {
  const double t = share(step - decay.first_step + 1, decay.n_steps);
  return between(schedule, warmed_up(schedule, decay.first_step - 1),
                 decay_curve(schedule.decay_shape, t));
}

}  // namespace

double learning_rate(const ScheduleConfig& schedule, const DecayPlan& decay, double peak,
                     int64_t step) {
  if (schedule.kind == ScheduleKind::wsd && step >= decay.first_step)
    return peak * decayed(schedule, decay, step);
  if (step <= schedule.warmup_steps) return peak * warmed_up(schedule, step);
  const double t = progress(schedule, step);
  switch (schedule.kind) {
    case ScheduleKind::cosine:
      return peak * between(schedule, 1.0, 0.5 * (1.0 + std::cos(std::numbers::pi * t)));
    case ScheduleKind::linear:
      return peak * between(schedule, 1.0, 1.0 - t);
    case ScheduleKind::constant:
    case ScheduleKind::wsd:
      break;
  }
  return peak;
}

}  // namespace isoflop
