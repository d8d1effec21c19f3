// SPDX-License-Identifier: MIT
#pragma once

#include "planner/pilot/site_calibration.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace isoflop {

/// One layout, as predicted and as measured.
struct PilotPoint {
  Layout layout;
  StepTime predicted;
  double step_s = 0;
  std::optional<double> communication_s;  ///< exposed
  double scatter = 0;                     ///< PilotMeasurement's
};

/// What the points say about every prediction.
struct PilotFit {
  SpeedCorrection speed;
  double spread = 0;  ///< of the logarithm of step times about what `speed` predicts
};

/// Exposed communication has a factor of its own where it is predicted as at least
/// kLeastCommunication of every point's step and was measured; else one factor holds for all. A
/// layout that differs from that by more than twice its scatter has a factor of its own. The spread
/// is that of the points' scatter and of what the common factors leave. `points` must not be empty.
PilotFit fit_pilot(std::span<const PilotPoint> points);

inline constexpr double kLeastCommunication = 0.05;

/// The least fraction of the time that is kept back: nodes and hours that the pilot did not see.
inline constexpr double kLeastMargin = 0.03;

/// What of the time to keep back: the upper end of the interval, between kLeastMargin and what is
/// kept back without a pilot.
double margin_for(double spread, double uncalibrated_margin);

}  // namespace isoflop
