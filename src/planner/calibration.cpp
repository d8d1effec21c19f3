// SPDX-License-Identifier: MIT
#include "planner/calibration.hpp"

#include "core/base/text_file.hpp"
#include "planner/fit/calibration_file.hpp"

namespace isoflop {

double ConstantByKind::at(const std::string& kind) const {
  auto found = of.find(kind);
  if (found == of.end()) found = of.find(kind.substr(0, kind.find(' ')));
  return found == of.end() ? otherwise : found->second;
}

Calibration read_calibration(const ConfigNode& root, const std::string& section) {
  return CalibrationFile(root).section(section).values();
}

std::filesystem::path default_calibration_file() { return data_dir() / "calibration.yaml"; }

Calibration load_calibration(const DeviceSpec& device) {
  return read_calibration(ConfigNode::load(default_calibration_file()), to_string(device.kind));
}

}  // namespace isoflop
