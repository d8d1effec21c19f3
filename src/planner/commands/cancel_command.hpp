// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner cancel DIR`.
int run_cancel_command(int argc, const char* const* argv);

}  // namespace isoflop
