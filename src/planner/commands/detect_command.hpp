// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner detect slurm|local [--out FILE]`: a cluster file of what is there.
int run_detect_command(int argc, const char* const* argv);

}  // namespace isoflop
