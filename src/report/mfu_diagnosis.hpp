// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// What shares of the time of settled steps went where, 0..1; absent when no step recorded it.
struct StepPhases {
  std::optional<double> data;       ///< waiting for the batch
  std::optional<double> forward;    ///< communication it waited for included
  std::optional<double> backward;   ///< communication it waited for included
  std::optional<double> comm;       ///< exposed communication, part of the others
  std::optional<double> optimizer;  ///< clipping and the optimizer
};

StepPhases step_phases(const TrainingRun& run);

/// Below this MFU the health table has a diagnosis.
inline constexpr double kLowMfu = 0.25;

/// Why a run is slow, by its phases, and the key of its configuration to change.
std::string diagnose_low_mfu(const TrainingRun& run);

}  // namespace isoflop
