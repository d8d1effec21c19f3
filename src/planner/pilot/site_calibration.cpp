// SPDX-License-Identifier: MIT
#include "planner/pilot/site_calibration.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop {

StepTime SpeedCorrection::apply(const StepTime& predicted, const Layout& layout) const {
  if (is_identity()) return predicted;
  double own = 1;
  if (!layouts.empty()) {
    const std::string kind = layout_kind(layout);
    for (const LayoutFactor& row : layouts) {
      if (row.layout == kind) own = row.factor;
    }
  }
  StepTime corrected = predicted;
  for (double StepTime::*const part :
       {&StepTime::matmul_s, &StepTime::attention_s, &StepTime::memory_bound_s, &StepTime::head_s,
        &StepTime::recompute_s, &StepTime::launch_s, &StepTime::optimizer_s, &StepTime::bubble_s,
        &StepTime::overhead_s, &StepTime::forward_s})
    corrected.*part *= compute * own;
  corrected.communication_s *= communication * own;
  return corrected;
}

std::string layout_kind(const Layout& layout) {
  Layout once = layout;
  once.grad_accum_steps = 1;
  return to_string(once);
}

const CalibrationConstant& constant_of(const CalibrationSection& section, const std::string& key) {
  const auto found = std::find_if(section.constants.begin(), section.constants.end(),
                                  [&](const auto& constant) { return constant.key == key; });
  if (found == section.constants.end())
    throw ConfigError(
        fmt::format("section '{}' has no constant '{}'; take it from "
                    "data/calibration.yaml",
                    section.name, key));
  return *found;
}

void set_constant(CalibrationSection& section, const std::string& key, double value,
                  const std::string& fitted_on) {
  const CalibrationConstant& constant = constant_of(section, key);
  CalibrationConstant& changed =
      section.constants[static_cast<std::size_t>(&constant - section.constants.data())];
  changed.value = {.otherwise = std::round(value * 1e4) / 1e4, .of = {}};
  changed.fitted_on = fitted_on;
}

}  // namespace isoflop
