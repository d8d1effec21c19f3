// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// `planner gpus [NAME]`: the GPU catalogue, or all that it knows of one GPU.
int run_gpus_command(int argc, const char* const* argv);

}  // namespace isoflop
