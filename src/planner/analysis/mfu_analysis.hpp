// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"
#include "core/hardware/mfu_band.hpp"
#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "planner/analysis/flops_formula.hpp"

#include <cstdint>
#include <optional>

namespace isoflop {

struct MfuRequest {
  const ModelShape& shape;
  int64_t seq_len = 0;
  const DeviceSpec& gpu;
  int64_t n_gpu = 1;
  Precision precision = Precision::bf16;
  std::optional<double> tokens_per_s = std::nullopt;  ///< of all GPUs together
  std::optional<FlopsFormula> formula = std::nullopt;
};

/// Why a throughput cannot have been: more work than the GPU's dense peak, or than the best dense
/// product that anyone measured on it.
enum class MfuDoubt { none, above_measured, above_peak };

/// What a measured throughput comes to.
struct MfuOfThroughput {
  double tokens_per_s_per_gpu = 0;
  double tflops_per_gpu = 0;  ///< causal
  double causal = 0;          ///< MFU, a fraction
  double full_square = 0;
  std::optional<double> by_formula;
  MfuDoubt doubt = MfuDoubt::none;
};

struct MfuAnalysis {
  double peak_tflops = 0;                 ///< dense, of one GPU
  std::optional<double> measured_tflops;  ///< the best dense product anyone measured
  double causal_flops_per_token = 0;      ///< training
  double full_square_flops_per_token = 0;
  std::optional<MfuOfThroughput> throughput;

  /// Of all GPUs together at a causal MFU.
  double tokens_per_s(double mfu, int64_t n_gpu) const;
};

/// Throws ConfigError for a precision that the GPU lacks, a throughput or number of GPUs that is
/// not positive, a sequence the model has no positions for, and a formula that counts parameters.
MfuAnalysis analyse_mfu(const MfuRequest& request);

}  // namespace isoflop
