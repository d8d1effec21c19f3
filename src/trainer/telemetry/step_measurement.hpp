// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/step_io.hpp"
#include "trainer/telemetry/step_timer.hpp"

#include <cstdint>

namespace isoflop {

/// Everything measured of one finished step.
struct StepMeasurement {
  int64_t step = 0;
  StepReadback readback;  ///< over all ranks
  PhaseTimes times;       ///< of this rank
  double exposed_communication_s = 0;
  bool follows_checkpoint = false;  ///< its time holds what training waited for one

  /// Whether the update was left out because gradients were not finite.
  bool was_skipped() const { return readback.output.skip != 0; }
};

}  // namespace isoflop
