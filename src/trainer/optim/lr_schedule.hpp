// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/schedule_config.hpp"
#include "trainer/optim/decay_plan.hpp"

#include <cstdint>

namespace isoflop {

/// Learning rate of optimizer step `step` (1 .. steps): linear warm-up reaching `peak` at step
/// warmup_steps, then as schedule.kind says; all kinds but constant end at peak x min_lr_fraction.
/// `decay` (of kind wsd only) may begin before the warm-up is over: it comes down from the rate
/// reached by then.
double learning_rate(const ScheduleConfig& schedule, const DecayPlan& decay, double peak,
                     int64_t step);

/// The same when all steps are trained.
inline double learning_rate(const ScheduleConfig& schedule, double peak, int64_t step) {
  return learning_rate(schedule, planned_decay(schedule), peak, step);
}

}  // namespace isoflop
