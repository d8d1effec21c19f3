// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner mfu MODEL --gpu NAME --gpus N`: what a throughput comes to, or what each band takes.
int run_mfu_command(int argc, const char* const* argv);

}  // namespace isoflop
