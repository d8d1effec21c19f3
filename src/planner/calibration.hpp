// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace isoflop {

/// A constant with values for some kinds (architectures, kernels) that differ.
struct ConstantByKind {
  double otherwise = 0;
  std::map<std::string, double> of;

  /// Of a kind that is not listed: that of its first word ("Blackwell Ultra" is a Blackwell), else
  /// `otherwise`.
  double at(const std::string& kind) const;

  bool operator==(const ConstantByKind&) const = default;
};

/// The constants that first principles leave open, for one kind of device. data/calibration.yaml
/// holds the values, their units and where each comes from.
struct Calibration {
  ConstantByKind gemm_ceiling;    ///< by architecture
  ConstantByKind gemm_sustained;  ///< by architecture
  ConstantByKind fp8_sustained;   ///< by architecture
  double power_exponent = 0;
  ConstantByKind usual_power_w;  ///< by architecture
  double gemm_half_depth = 0;
  double gemm_half_output = 0;
  double gemm_speed_exponent = 0;
  ConstantByKind attention_forward;   ///< by kernel
  ConstantByKind attention_backward;  ///< by kernel
  double attention_half_length = 0;
  double tiled_attention = 0;
  double score_products = 0;
  double memory_bandwidth = 0;
  double unfused_elementwise = 1;
  double launch_us = 0;
  double forward_launches = 0;
  double backward_launches = 0;
  double recompute_launches = 0;
  double tensor_launches = 0;
  double expert_launches = 0;
  double intra_node_bandwidth = 0;
  double inter_node_bandwidth = 0;
  double owner_call_us = 0;
  double overlap = 0;
  double contention = 0;
  double tensor_overlap = 0;
  double expert_exchange = 0;
  double expert_bytes = 0;
  double cast_bytes = 0;
  double optimizer_bytes = 0;
  double step_overhead_s = 0;
  double bench_efficiency = 1;  ///< of a run's steps, over what `trainer bench` measured
  double runtime_memory_gib = 0;
  double fragmentation = 0;
  double startup_s = 0;
  double prediction_margin = 0;
  double step_time_spread = 0;
};

/// data_dir()/calibration.yaml.
std::filesystem::path default_calibration_file();

/// The constants of one kind of device, from `file`, else from that one. Throws as
/// CalibrationFile.
Calibration load_calibration(DeviceClass kind,
                             const std::optional<std::filesystem::path>& file = std::nullopt);

}  // namespace isoflop
