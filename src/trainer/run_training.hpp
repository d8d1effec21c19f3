// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"
#include "trainer/health/status_file.hpp"
#include "trainer/options.hpp"
#include "trainer/session.hpp"

namespace isoflop {

/// Trains as configured and returns the exit code: success, kStopRequested or kDiverged. Collective
/// over all ranks. `status` is told of all but what is thrown; `clock` is asked on rank 0 of a run
/// with a deadline.
int run_training(const TrainerOptions& options, Launch& launch, StatusFile& status,
                 const Clock& clock = system_time);

/// Checks everything that can be checked before allocating and prints what would run.
int check_training(const TrainerOptions& options, Launch& launch);

}  // namespace isoflop
