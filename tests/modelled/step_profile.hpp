// SPDX-License-Identifier: MIT
#pragma once

#include "modelled/step_model.hpp"

#include <string>
#include <vector>

namespace isoflop::test {

/// ProfileRow::name of all of them.
inline constexpr const char* kProducts = "matrix products";

/// What operations of one name on one stream took of a step.
struct ProfileRow {
  std::string name;
  int stream = 0;
  int64_t n = 0;
  double seconds = 0;  ///< in the step, slowed down by what ran beside
  double alone_s = 0;  ///< of them, on a GPU that does nothing else
  double flops = 0;
  int64_t bytes = 0;  ///< of device memory; of collectives over the links
};

/// A step in the steady state: from the end of the one before on the compute stream to its own.
struct StepProfile {
  double step_s = 0;
  double idle_beside_collective_s = 0;  ///< the compute stream has nothing to do, and one runs
  double idle_s = 0;                    ///< likewise, and none runs
  double collectives_s = 0;             ///< one runs
  std::vector<ProfileRow> rows;         ///< by stream, longest first
};

/// Of the last of the steps, which are at least two.
StepProfile profile_of(const TimedSteps& steps, const GpuRates& rates);

/// The profile as a table. `title` says what was modelled.
std::string to_text(const StepProfile& profile, const std::string& title);

}  // namespace isoflop::test
