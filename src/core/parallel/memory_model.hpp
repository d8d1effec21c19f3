// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/layout.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// Bytes one rank holds at the peak of a training step, by category. The trainer's allocator
/// reports the same categories.
struct MemoryEstimate {
  int64_t parameters = 0;  ///< fp32 master weights held between steps (a shard under fsdp); the
                           ///< weights themselves in fp32
  int64_t compute_parameters =
      0;                  ///< bf16 or fp16 copies held between steps (ddp in 2-byte precision)
  int64_t gradients = 0;  ///< fp32, sharded under fsdp
  int64_t optimizer = 0;  ///< AdamW: two fp32 moments
  int64_t gathered =
      0;  ///< fsdp: two gathered units in compute type, plus the embedding unit when tied
  int64_t gradient_buffers = 0;  ///< fsdp: two full-unit fp32 gradient buffers, plus the embedding
                                 ///< unit's when tied, plus the reduced shard
  int64_t activations = 0;       ///< saved tensors of all blocks and the head
  int64_t workspace =
      0;  ///< largest phase of temporaries and, under full recomputation, one block's saved tensors
  int64_t logits = 0;  ///< one chunk of logits, fp32
  int64_t batch = 0;   ///< token ids and targets, double-buffered

  int64_t total() const;
  /// (category, bytes), largest first, zeros left out: for messages that name the term that is too
  /// large.
  std::vector<std::pair<std::string, int64_t>> terms() const;
};

struct MemoryRequest {
  const ModelShape& shape;
  const Layout& layout;
  int64_t seq_len = 0;
  Precision precision = Precision::fp32;
};

/// The trainer's own allocations. What a device's runtime, libraries and communicators take besides
/// is the caller's margin.
MemoryEstimate estimate_memory(const MemoryRequest& request);

}  // namespace isoflop
