// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/gpu_scratch.hpp"
#include "core/parallel/layout.hpp"
#include "planner/allocation.hpp"
#include "planner/calibration.hpp"
#include "planner/network.hpp"
#include "planner/train_efficiency.hpp"

#include <cstdint>
#include <optional>

namespace isoflop {

/// What the time of a step depends on besides shape and layout; the same for all candidates on one
/// part of a partition.
struct MachineModel {
  const Calibration* calibration = nullptr;  ///< outlives this
  Precision precision;
  RankGroup ranks;
  Network network;
  double peak_flops = 0;                ///< dense, per rank and second
  double gemm_flops = 0;                ///< that large matrix products reach within a step
  EfficiencyCurve measured_efficiency;  ///< of whole steps; empty where nobody measured
  double memory_bytes_per_s = 0;
  double compute_bytes = 0;  ///< of an element in the training precision
  std::optional<GpuKernels> gpu_kernels = std::nullopt;
};

MachineModel make_machine_model(const Partition& partition, const JobSize& job, Precision precision,
                                const Calibration& calibration);

/// Seconds of one optimizer step on each rank, by cause. Communication is what compute does not
/// hide.
struct StepTime {
  double matmul_s = 0;        ///< blocks' matrix products, forward and backward
  double attention_s = 0;     ///< scores and values
  double memory_bound_s = 0;  ///< norms, activations, residuals, RoPE, gradient accumulation
  double head_s = 0;          ///< output projection and cross-entropy
  double recompute_s = 0;     ///< forward passes run again
  double launch_s = 0;        ///< the device waiting for the host
  double optimizer_s = 0;
  double communication_s = 0;  ///< exposed
  double forward_s = 0;        ///< one micro batch's forward pass: what evaluation costs; part of
                               ///< the above

  double total() const {
    return matmul_s + attention_s + memory_bound_s + head_s + recompute_s + launch_s + optimizer_s +
           communication_s;
  }
};

/// The time of one step from the shapes of its operations.
/// - A matrix product runs at the sustained rate times K / (K + K_half) times MN / (MN + MN_half),
///   or at memory speed when that is slower.
/// - Element-wise work and the optimizer move bytes at memory speed.
/// - ddp all-reduces fp32 gradients once a step, fsdp gathers every unit twice and reduce-scatters
///   fp32 gradients in each micro step; compute hides what it can.
/// A CPU whose training efficiency `trainer bench` measured uses that instead of the operations.
StepTime predict_step_time(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                           const MachineModel& machine);

}  // namespace isoflop
