// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"

namespace isoflop::emulation {

// What kernels ask of the run they belong to; defined beside run_ranks().

/// Options::lane_order.
LaneOrder lane_order();
/// Options::checks_kernel_bytes.
bool checks_kernel_bytes();
/// The faults of this run.
const Faults& faults();
/// One more of Counters::launches for the rank whose host code is running.
void count_launch();

}  // namespace isoflop::emulation
