// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"

#include <cstdint>
#include <map>
#include <optional>

namespace isoflop {

/// Fraction of the peak that whole training steps reach on a device, by model width: the rows that
/// `trainer bench` measured.
class EfficiencyCurve {
 public:
  /// Rows of other precisions are left out; rows of equal width are averaged.
  EfficiencyCurve(const DeviceSpec& device, Precision precision);

  bool empty() const { return by_log_width_.empty(); }
  /// Linear in log d_model between rows, the nearest row's value beyond them; absent without rows.
  std::optional<double> at(int64_t d_model) const;

 private:
  std::map<double, double> by_log_width_;
};

}  // namespace isoflop
