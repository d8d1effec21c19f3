// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner validate [FILE]`: published figures against what this program computes; returns 1 when
/// one is not reproduced.
int run_validate_command(int argc, const char* const* argv);

}  // namespace isoflop
