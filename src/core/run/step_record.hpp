// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

namespace isoflop {

/// Bits of StepRecord::flags.
enum StepFlag : uint32_t {
  kStepSkipped = 1U << 0,     ///< a non-finite loss or gradient: the update was not applied
  kStepSpike = 1U << 1,       ///< loss far above its running mean
  kStepCheckpoint = 1U << 2,  ///< step_s holds the stall of a checkpoint
  kStepEval = 1U << 3,        ///< an evaluation ran after this step (its time is not in step_s)
};

/// What one optimizer step leaves behind: one row of /metrics/train. A value that was not measured
/// is absent (never NaN); a loss that is not finite is absent too and the step is flagged.
struct StepRecord {
  int64_t step = 0;             ///< optimizer steps done including this one: the first step is 1
  double time = 0;              ///< Unix seconds UTC at the end of the step
  int64_t tokens = 0;           ///< tokens consumed by the whole run up to and including this step
  std::optional<float> loss{};  ///< training loss, nats per token, mean over the batch
  std::optional<float> lr{};    ///< learning rate applied
  std::optional<float> grad_norm{};     ///< global L2 norm before clipping
  std::optional<float> step_s{};        ///< wall time of the step
  std::optional<float> data_s{};        ///< waiting for the batch
  std::optional<float> forward_s{};     ///< forward passes, communication they waited for included
  std::optional<float> backward_s{};    ///< backward passes, communication they waited for included
  std::optional<float> comm_s{};        ///< exposed communication: compute waited for it
  std::optional<float> optimizer_s{};   ///< clipping and the optimizer
  std::optional<float> tokens_per_s{};  ///< whole job
  std::optional<float> tflops{};        ///< achieved model TFLOP/s per device (1e12)
  std::optional<float> mfu{};           ///< fraction of the devices' dense peak, 0..1
  std::optional<float> mem_allocated_gib{};  ///< per device, largest over ranks (GiB = 2^30 bytes)
  std::optional<float> mem_peak_gib{};
  std::optional<float> mem_reserved_gib{};
  std::optional<float> loss_mean{};   ///< running mean of the loss
  std::optional<float> loss_var{};    ///< running variance of the loss
  std::optional<float> loss_scale{};  ///< fp16 loss scale
  uint32_t flags = 0;                 ///< StepFlag bits
  std::optional<float> z_loss{};      ///< added to the loss by model.z_loss, nats per token
};

}  // namespace isoflop
