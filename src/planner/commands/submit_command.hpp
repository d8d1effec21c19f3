// SPDX-License-Identifier: MIT
#pragma once

#include "planner/jobs/submission.hpp"
#include "planner/sweep/sweep_folder.hpp"

#include <string>

namespace isoflop {

/// What was submitted and how to look at it; lines.
std::string describe_submission(const Submission& submission, const PlanFiles& files);

/// submit_sweep under the folder's lock, described. Throws FileError while another holds it.
std::string submit_missing_runs(const SweepFiles& files);

/// `planner submit DIR`.
int run_submit_command(int argc, const char* const* argv);

}  // namespace isoflop
