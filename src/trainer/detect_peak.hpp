// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/gpu_catalog.hpp"
#include "core/plan/train_config.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// The device that MFU is reported for.
struct DetectedPeak {
  DeviceConfig device;                 ///< with the name and the peak that hold
  std::optional<std::string> warning;  ///< the configuration is for another device
};

/// Name and peak of what was found: `gpu_name` as the GPU calls itself, empty for a CPU. The
/// configuration's figures hold, but
/// - what is left out comes from the catalogue, if it knows the GPU: the dense peak of `precision`
///   (fp32 is that of the full-precision units, never of TF32);
/// - when the configured name is that of a GPU in the catalogue and another device was found, its
///   figures are the other's, or absent when the catalogue does not know it.
DetectedPeak detect_peak(const DeviceConfig& configured, Precision precision,
                         const std::string& gpu_name, const GpuCatalog& catalog);

}  // namespace isoflop
