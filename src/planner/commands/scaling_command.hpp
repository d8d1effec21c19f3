// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner scaling`: N, D and loss by scaling law for compute, money, hours, a loss or a model.
int run_scaling_command(int argc, const char* const* argv);

}  // namespace isoflop
