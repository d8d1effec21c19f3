// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner status DIR`.
int run_status_command(int argc, const char* const* argv);

}  // namespace isoflop
