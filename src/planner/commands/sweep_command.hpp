// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner sweep CLUSTER --gpu-hours H`.
int run_sweep_command(int argc, const char* const* argv);

}  // namespace isoflop
