// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner plan CLUSTER --hours H`, also without the word "plan": writes plan.yaml and
/// train.sbatch, and prints the summary. argv[0] is not read.
int run_plan_command(int argc, const char* const* argv);

}  // namespace isoflop
