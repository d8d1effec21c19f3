// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

#include <cstdint>

namespace isoflop {

/// Learning rate of optimizer step `step` (1 .. steps): linear warm-up reaching `peak` at step
/// warmup_steps, then half a cosine down to peak x min_lr_fraction at the last step (Loshchilov and
/// Hutter, arXiv:1608.03983, without restarts).
double learning_rate(const ScheduleConfig& schedule, double peak, int64_t step);

}  // namespace isoflop
