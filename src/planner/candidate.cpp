// SPDX-License-Identifier: MIT
#include "planner/candidate.hpp"

namespace isoflop {

std::optional<double> Candidate::cost() const {
  if (!partition->price_per_gpu_hour) return std::nullopt;
  return device_hours() * *partition->price_per_gpu_hour;
}

std::optional<double> Candidate::energy_kwh() const {
  if (!partition->device.tdp_w) return std::nullopt;
  return device_hours() * *partition->device.tdp_w / 1000;
}

}  // namespace isoflop
