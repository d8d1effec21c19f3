// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/launcher.hpp"
#include "trainer/options.hpp"

#include <chrono>

namespace isoflop {

/// Ends a rank that is configured for a GPU its node lacks, before MPI starts: on hundreds of ranks
/// that takes minutes. The first such rank of each node throws DeviceMissingError with the node's
/// name. The others throw ReportedElsewhereError, at the launcher's SIGTERM or after `grace`:
/// launchers end the job at the first failure, which must not be a silent one. A configuration that
/// cannot be read passes: it is reported once for all ranks after the launch.
void check_device_before_launch(const TrainerOptions& options, const EnvironmentLookup& environment,
                                std::chrono::milliseconds grace = std::chrono::seconds(2));

}  // namespace isoflop
