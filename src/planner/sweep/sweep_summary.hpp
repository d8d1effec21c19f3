// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep.hpp"

#include <string>

namespace isoflop {

/// The sweep as people read it: runs, jobs, hours, what the fit will know, notes.
std::string describe_sweep(const SweepRequest& request, const Sweep& sweep);

}  // namespace isoflop
