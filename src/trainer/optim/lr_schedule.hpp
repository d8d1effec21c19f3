// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

#include <cstdint>

namespace isoflop {

/// Learning rate of optimizer step `step` (1 .. steps): linear warm-up reaching `peak` at step
/// warmup_steps, then as schedule.kind says; all kinds but constant end at peak x min_lr_fraction.
double learning_rate(const ScheduleConfig& schedule, double peak, int64_t step);

}  // namespace isoflop
