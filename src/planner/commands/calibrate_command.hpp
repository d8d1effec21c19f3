// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner calibrate`: refits data/calibration.yaml on runs of the trainer or on published ones.
/// Returns the exit code: 6 when some run files were left out.
int run_calibrate_command(int argc, const char* const* argv);

}  // namespace isoflop
