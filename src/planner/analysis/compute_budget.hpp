// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/device_spec.hpp"

#include <map>
#include <optional>
#include <string>

namespace isoflop {

/// A figure and where it is from: "--mfu", or the source that data/budget_defaults.yaml states.
struct SourcedFigure {
  double value = 0;
  bool assumed = false;
  std::string source;
};

/// What to assume when the user states no MFU or price.
struct BudgetDefaults {
  SourcedFigure mfu;
  std::map<std::string, SourcedFigure> usd_per_gpu_hour;  ///< by GPU of the catalogue

  /// data_dir()/budget_defaults.yaml. Throws FileError or ConfigError.
  static BudgetDefaults load();
  static BudgetDefaults read(const ConfigNode& root);
};

/// GPUs that compute is bought from or run on.
struct ComputeSource {
  DeviceSpec gpu;
  std::string gpu_how;  ///< how the GPU's name was understood
  Precision precision = Precision::bf16;
  double peak_tflops = 0;                       ///< dense
  SourcedFigure mfu;                            ///< 6 N D over the peak
  std::optional<SourcedFigure> price_per_hour;  ///< of one GPU
  std::optional<int> n_gpus;

  double flops_per_gpu_hour() const { return peak_tflops * 1e12 * mfu.value * 3600; }
};

/// What the user said about it.
struct ComputeSourceOptions {
  std::optional<Precision> precision =
      std::nullopt;  ///< absent: the narrowest of bf16 and fp16 the GPU has
  std::optional<double> mfu = std::nullopt;
  std::optional<double> price_per_hour = std::nullopt;
  std::optional<int> n_gpus = std::nullopt;
};

/// Fills in what is not stated. Throws ConfigError for a precision the GPU lacks, and for one
/// without a default MFU when none is stated.
ComputeSource make_compute_source(const DeviceSpec& gpu, const std::string& gpu_how,
                                  const ComputeSourceOptions& options,
                                  const BudgetDefaults& defaults);

/// What a run of that much compute takes on those GPUs.
struct ComputeCost {
  double compute_flops = 0;
  double gpu_hours = 0;
  std::optional<double> hours;    ///< wall clock; absent without a number of GPUs
  std::optional<double> dollars;  ///< absent without a price
};

ComputeCost cost_of(const ComputeSource& source, double compute_flops);

/// FLOPs that the money buys. Throws ConfigError without a price, saying to give one.
double flops_for_dollars(const ComputeSource& source, double dollars);

}  // namespace isoflop
