// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// planner refine: plans again by what a plan's pilot measured.
int run_refine_command(int argc, const char* const* argv);

}  // namespace isoflop
