// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// Which runs are shown and in which order; keys as of run_keys.hpp.
struct RunSelection {
  std::vector<std::string> filters{};  ///< KEY=VALUE; a run must match all
  std::string sort{};                  ///< KEY, or KEY:desc; empty: as given
  std::string group{};                 ///< KEY; runs of one value stand together; empty: none
};

/// Removes runs that a filter leaves out and orders the others. Runs that lack the key of the
/// order come last. Throws ConfigError for a key that no run has and for filters that no run
/// matches. Kokkos must be initialized.
void select_runs(std::vector<TrainingRun>& runs, const RunSelection& selection);

}  // namespace isoflop
