// SPDX-License-Identifier: MIT
#include "planner/train_efficiency.hpp"

#include <cmath>
#include <iterator>

namespace isoflop {

EfficiencyCurve::EfficiencyCurve(const DeviceSpec& device, Precision precision) {
  std::map<double, int> rows_of_width;
  for (const TrainEfficiency& row : device.train_efficiency) {
    if (row.precision != precision) continue;
    const double width = std::log(static_cast<double>(row.d_model));
    const int rows = ++rows_of_width[width];
    double& mean = by_log_width_[width];
    mean += (row.mfu - mean) / rows;
  }
}

std::optional<double> EfficiencyCurve::at(int64_t d_model) const {
  if (empty()) return std::nullopt;
  const double width = std::log(static_cast<double>(d_model));
  const auto above = by_log_width_.lower_bound(width);
  if (above == by_log_width_.begin()) return above->second;
  const auto below = std::prev(above);
  if (above == by_log_width_.end()) return below->second;
  const double weight = (width - below->first) / (above->first - below->first);
  return below->second + weight * (above->second - below->second);
}

}  // namespace isoflop
