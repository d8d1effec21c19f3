// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "planner/cost/machine.hpp"
#include "planner/cost/parallel_layout.hpp"

#include <cstdint>

namespace isoflop {

/// Seconds of one optimizer step, by cause; with a pipeline of its slowest stage.
struct StepTime {
  double matmul_s = 0;        ///< blocks' matrix products, forward and backward
  double attention_s = 0;     ///< scores and values
  double memory_bound_s = 0;  ///< norms, activations, residuals, RoPE, casts, expert permutation
  double head_s = 0;          ///< output projection and cross-entropy
  double recompute_s = 0;     ///< forward work run again
  double launch_s = 0;        ///< the device waiting for the host
  double optimizer_s = 0;
  double communication_s = 0;  ///< what compute does not hide
  double bubble_s = 0;         ///< stages of a pipeline waiting for each other
  double overhead_s = 0;       ///< once a step
  double forward_s = 0;        ///< one micro batch's forward pass: what evaluation costs; part of
                               ///< the above

  double total() const {
    return matmul_s + attention_s + memory_bound_s + head_s + recompute_s + launch_s + optimizer_s +
           communication_s + bubble_s + overhead_s;
  }
};

/// The time of a step from the shapes of its operations.
/// - A matrix product runs at the sustained rate less what its depth and size cost (product_s),
///   attention at its kernel's rate, element-wise work and the optimizer at memory speed; a block
///   takes at least as long as the host needs to start its kernels.
/// - Collectives are rings (network.hpp). ddp and zero1 reduce once a step, the others in every
///   micro batch (with a pipeline once, as gathering for each would be done by nobody); what the
///   stack overlaps hides beside `overlap` of the compute, but for the first and last unit.
/// - All stages of a pipeline wait for the slowest: that with most blocks, or the last, which has
///   the head too (stage_blocks). Fill and drain are one micro batch's pass through the others,
///   over chunks (Narayanan et al., arXiv:2104.04473, section 2.2).
StepTime step_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                   const Machine& machine);

/// From the measured MFU of whole steps (causal, a fraction), which contains everything but
/// communication.
StepTime step_cost_as_measured(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                               double efficiency, const Machine& machine);

}  // namespace isoflop
