// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner memory MODEL`: what one GPU holds under every strategy, and whether it fits.
int run_memory_command(int argc, const char* const* argv);

}  // namespace isoflop
