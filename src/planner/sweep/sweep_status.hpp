// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep_jobs.hpp"

#include <string>

namespace isoflop {

/// Each run's state, step and losses, then the jobs; lines.
std::string describe_sweep_state(const SweepState& state, const SweepFiles& files);

/// What was submitted and what was not; lines.
std::string describe_sweep_submission(const SweepSubmission& submission, const SweepFiles& files);

}  // namespace isoflop
