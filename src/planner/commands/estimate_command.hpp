// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner estimate RUNS.csv [--out PRED.csv]`: predicts every row of a table of runs and compares
/// with what was measured.
int run_estimate_command(int argc, const char* const* argv);

}  // namespace isoflop
