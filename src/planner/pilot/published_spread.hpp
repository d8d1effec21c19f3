// SPDX-License-Identifier: MIT
#pragma once

#include "planner/estimate/accuracy.hpp"

#include <span>

namespace isoflop {

/// Root mean square of ln(predicted / measured step time) over published runs with a full layout,
/// every source weighing the same: what an uncalibrated step time may be off by. 0 without rows.
double step_time_spread(std::span<const EstimatedRow> rows);

}  // namespace isoflop
