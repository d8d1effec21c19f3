// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "planner/calibration.hpp"

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// How a constant is fitted.
struct FitRule {
  ConstantByKind prior;  ///< what is expected before any run is seen
  double least = 0;
  double most = 0;
  double spread = 0;  ///< standard deviation of ln(value / prior) that is expected

  bool operator==(const FitRule&) const = default;
};

/// One constant of a calibration file.
struct CalibrationConstant {
  std::string key;
  ConstantByKind value;
  std::string unit;
  std::string origin;               ///< of the value, or of the prior where it was fitted
  std::string fitted_on;            ///< empty: the value is as `origin` says
  std::optional<FitRule> fit = {};  ///< absent: never fitted

  bool operator==(const CalibrationConstant&) const = default;
};

/// The constants of one kind of device.
struct CalibrationSection {
  std::string name;  ///< "gpu", "cpu"
  std::vector<CalibrationConstant> constants;

  /// Throws ConfigError when one is missing.
  Calibration values() const;
  bool operator==(const CalibrationSection&) const = default;
};

/// A calibration file such as data/calibration.yaml, with all that it says about its constants.
class CalibrationFile {
 public:
  /// Throws FileError or ConfigError.
  static CalibrationFile load(const std::filesystem::path& path);
  /// Throws ConfigError for a missing or unknown key, a constant without unit or origin, a negative
  /// value, and a prior outside its bounds.
  explicit CalibrationFile(const ConfigNode& root);

  const std::vector<CalibrationSection>& sections() const { return sections_; }
  /// Throws ConfigError naming those there are.
  const CalibrationSection& section(const std::string& name) const;
  /// Throws ConfigError when there is none of that name.
  void replace(CalibrationSection section);
  /// The file as YAML, which reads back equal.
  std::string text() const;

 private:
  std::vector<CalibrationSection> sections_;
};

}  // namespace isoflop
