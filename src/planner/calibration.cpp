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

std::filesystem::path default_calibration_file() { return data_dir() / "calibration.yaml"; }

Calibration load_calibration(DeviceClass kind, const std::optional<std::filesystem::path>& file) {
  return CalibrationFile::load(file.value_or(default_calibration_file()))
      .section(to_string(kind))
      .values();
}

}  // namespace isoflop
