// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"
#include "trainer/options.hpp"

namespace isoflop {

/// Trains as configured and returns the exit code: success, kStopRequested or kDiverged. Collective
/// over all ranks.
int run_training(const TrainerOptions& options, Launch& launch);

/// Checks everything that can be checked before allocating and prints what would run.
int check_training(const TrainerOptions& options, Launch& launch);

}  // namespace isoflop
