// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace isoflop {

/// The GPU of a local rank: the one of its number, or the only visible one (a launcher that binds
/// GPUs to tasks shows each task its own). Throws DeviceMissingError, saying what was found, when
/// it is not there or has no kernels in this build.
int find_cuda_device(int local_rank);

/// "12.4" of CUDA's 12040.
std::string cuda_version_text(int version);

}  // namespace isoflop
