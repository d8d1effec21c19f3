// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/device_spec.hpp"

#include <map>
#include <string>

namespace isoflop {

/// The constants that first principles leave open, for one kind of device. data/calibration.yaml
/// holds the values and where each comes from.
struct Calibration {
  double gemm_ceiling = 0;    ///< of the dense peak, where nothing better is measured
  double gemm_sustained = 0;  ///< of the ceiling, inside training steps
  std::map<std::string, double> gemm_sustained_by_architecture;
  double gemm_half_depth = 0;    ///< K at which a product reaches half of what it can
  double gemm_half_output = 0;   ///< M x N at which it does
  double attention_forward = 0;  ///< of the dense peak, causal FLOPs
  double attention_backward = 0;
  double memory_bandwidth = 0;      ///< of the data sheet's
  double launch_us = 0;             ///< between two kernels when the device waits for the host
  double intra_node_bandwidth = 0;  ///< of the link's
  double inter_node_bandwidth = 0;
  double overlap = 0;             ///< of the compute time that can hide communication
  double runtime_memory_gib = 0;  ///< taken from each device before we allocate
  double fragmentation = 0;       ///< allocator overhead, of what we allocate
  double startup_s = 0;
  double prediction_margin = 0;  ///< of the time after start-up

  /// gemm_sustained of this device's architecture.
  double sustained(const DeviceSpec& device) const;
};

/// The constants of `section` ("gpu", "cpu"). Throws ConfigError for a missing or unknown key and
/// for a constant without origin.
Calibration read_calibration(const ConfigNode& root, const std::string& section);

/// From data_dir()/calibration.yaml, for this kind of device.
Calibration load_calibration(const DeviceSpec& device);

}  // namespace isoflop
