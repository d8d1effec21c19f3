// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/optimizer_state.hpp"
#include "planner/cost/parallel_layout.hpp"
#include "planner/cost/software_stack.hpp"

#include <cstdint>

namespace isoflop {

/// Bytes that a program allocates on the fullest device of a training step, by category; not what
/// the allocator reserves on top, nor context and communicators. For programs other than ours,
/// whose own allocations core/parallel/memory_model knows exactly.
struct DeviceMemory {
  double weights = 0;  ///< compute type, and fp32 where they are sharded
  double gradients = 0;
  double optimizer = 0;  ///< moments, with fp32 weights where compute weights are whole
  double gathered = 0;   ///< fsdp, hsdp: two units, and a unit's gradients in fp32
  double activations = 0;
  double logits = 0;
  double other = 0;  ///< token ids, buffers of libraries

  double total() const {
    return weights + gradients + optimizer + gathered + activations + logits + other;
  }
};

/// The fullest of the first, second and last stage: blocks of 1F1B's micro batches in flight
/// against the output projection and its logits. A block keeps the residual stream twice, both norm
/// outputs, queries, keys, values, attention's output and statistics, what the FFN's first product
/// made and its hidden units (Korthikanti et al., arXiv:2205.05198, section 4, without what fused
/// kernels do not keep), inputs of products in fp8 where products are. Materialised attention keeps
/// scores in 5 bytes. Muon keeps one moment of the blocks' matrices, AdamW two of everything.
DeviceMemory memory_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                         Precision precision, const SoftwareStack& stack,
                         OptimizerKind optimizer = OptimizerKind::adamw);

}  // namespace isoflop
