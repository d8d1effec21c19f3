// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "planner/cost/step_cost.hpp"
#include "planner/fit/calibration_file.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// What a layout that was measured itself takes besides the factors that hold for all.
struct LayoutFactor {
  std::string layout;  ///< layout_kind
  double factor = 1;

  bool operator==(const LayoutFactor&) const = default;
};

/// Measured over predicted step time, by class of cost; multiplies predictions.
struct SpeedCorrection {
  double compute = 1;        ///< of everything but communication
  double communication = 1;  ///< of what compute does not hide
  std::vector<LayoutFactor> layouts;

  bool is_identity() const { return compute == 1 && communication == 1 && layouts.empty(); }
  StepTime apply(const StepTime& predicted, const Layout& layout) const;
};

/// What a pilot measured on one partition, as far as plans depend on it.
struct SiteCalibration {
  std::string partition;
  CalibrationSection constants;  ///< of its kind of device; step_time_spread says by what
  SpeedCorrection speed;         ///< what the constants leave
};

/// A constant of a section. Throws ConfigError when there is none of that name.
const CalibrationConstant& constant_of(const CalibrationSection& section, const std::string& key);

/// Sets the value of a constant, to four decimals, and what it was fitted on.
void set_constant(CalibrationSection& section, const std::string& key, double value,
                  const std::string& fitted_on);

/// Everything of a layout but its accumulation: "zero1 2 x micro batch 16 x ...".
std::string layout_kind(const Layout& layout);

}  // namespace isoflop
