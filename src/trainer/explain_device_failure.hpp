// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

#include <functional>

namespace isoflop {

/// work(), a rank's. Of a GPU, its driver or libraries that fail, and of host memory that GPUs do
/// not get, the error that goes on names rank, host and GPU, and says what to do.
int explain_device_failure(const RankInfo& info, const std::function<int()>& work);

}  // namespace isoflop
