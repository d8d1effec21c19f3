// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// planner layouts: the layouts of one model and job, ranked. See Command::run.
int run_layouts_command(int argc, const char* const* argv);

}  // namespace isoflop
