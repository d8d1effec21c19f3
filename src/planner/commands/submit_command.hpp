// SPDX-License-Identifier: MIT
#pragma once

#include "planner/jobs/submission.hpp"

#include <string>

namespace isoflop {

/// What was submitted and how to look at it; lines.
std::string describe_submission(const Submission& submission, const PlanFiles& files);

/// `planner submit DIR`.
int run_submit_command(int argc, const char* const* argv);

}  // namespace isoflop
