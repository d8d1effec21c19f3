// SPDX-License-Identifier: MIT
#include "core/hardware/device_spec.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

namespace isoflop {

std::optional<double> DeviceSpec::peak_dense_tflops(Precision precision) const {
  const auto peak = peak_tflops.find(precision);
  return peak == peak_tflops.end() ? std::nullopt : std::optional(peak->second);
}

double DeviceSpec::require_peak_dense_tflops(Precision precision) const {
  if (const std::optional<double> peak = peak_dense_tflops(precision)) return *peak;
  std::string known;
  for (const auto& [other, peak] : peak_tflops)
    known += (known.empty() ? "" : ", ") + to_string(other);
  throw ConfigError(fmt::format("{} has no {} (its precisions: {}); choose one of these", name,
                                to_string(precision), known));
}

double DeviceSpec::mem_bytes() const {
  if (visible_mem_mib) return static_cast<double>(*visible_mem_mib) * 1024.0 * 1024.0;
  return mem_gb * 1e9;
}

std::optional<double> DeviceSpec::scaleup_gb_per_s() const {
  return scaleup_bidir_gb_per_s ? std::optional(*scaleup_bidir_gb_per_s / 2) : std::nullopt;
}

std::optional<double> DeviceSpec::pcie_gb_per_s() const {
  static const std::map<int, double> by_generation = {{3, 15.75}, {4, 31.5}, {5, 63.0}, {6, 118.0}};
  if (!pcie_generation) return std::nullopt;
  const auto found = by_generation.find(*pcie_generation);
  return found == by_generation.end() ? std::nullopt : std::optional(found->second);
}

std::string to_string(DeviceClass kind) { return kind == DeviceClass::gpu ? "gpu" : "cpu"; }

}  // namespace isoflop
