// SPDX-License-Identifier: MIT
#include "trainer/detect_peak.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// "its bf16 peak of 312 TFLOP/s is used", "no bf16 peak of it is known: ...".
std::string peak_text(const std::optional<double>& peak_tflops, Precision precision) {
  return peak_tflops ? fmt::format("its {} peak of {:.4g} TFLOP/s is used", to_string(precision),
                                   *peak_tflops)
                     : fmt::format(
                           "no {} peak of it is known: MFU is not reported; set "
                           "device.name and device.peak_tflops to the device's own",
                           to_string(precision));
}

/// Whether the configuration was written for another GPU than the one found.
bool is_for_another(const std::optional<DeviceSpec>& configured,
                    const std::optional<DeviceSpec>& found) {
  return configured && (!found || found->name != configured->name);
}

}  // namespace

DetectedPeak detect_peak(const DeviceConfig& configured, Precision precision,
                         const std::string& gpu_name, const GpuCatalog& catalog) {
  const std::optional<DeviceSpec> found = catalog.find_device(gpu_name);
  DetectedPeak result{configured, std::nullopt};
  DeviceConfig& device = result.device;
  const bool another = is_for_another(catalog.find_device(configured.name), found);
  if (another) {
    device.name = gpu_name;
    device.peak_tflops.reset();
    device.peak_source.clear();
  }
  if (found && device.name.empty()) device.name = found->name;
  if (found && !device.peak_tflops) {
    device.peak_tflops = found->peak_dense_tflops(precision);
    if (device.peak_tflops) device.peak_source = found->source;
  }
  if (another)
    result.warning = fmt::format("device.name is '{}' (this rank runs on '{}'); {}",
                                 configured.name, gpu_name.empty() ? "a CPU" : gpu_name,
                                 peak_text(device.peak_tflops, precision));
  return result;
}

}  // namespace isoflop
