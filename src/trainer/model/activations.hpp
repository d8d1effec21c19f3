// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/activation_table.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/model/block.hpp"

#include <vector>

namespace isoflop {

/// What the head saves between the last block and its loss.
struct HeadActivations {
  TensorView residual;  // (B T, C); pre-norm only
  TensorView stats;     // (B T, 1 or 2) f32; pre-norm only
  TensorView norm;      // (B T, C)
};

/// One micro batch's size and how much of the forward pass is kept.
struct StepShape {
  int64_t batch_size = 0;  ///< sequences
  int64_t seq_len = 0;
  RecomputePlan recompute = Recompute::none;
  uint64_t dropout_seed = 0;
  int64_t rows() const { return batch_size * seq_len; }
};

/// The activations of a micro batch, laid out by core/model/activation_table.hpp once at start.
/// Tensors that a block runs again in backward lie in memory that it shares with all other blocks
/// that do (MemoryCategory::workspace).
class Activations {
 public:
  Activations(const ModelShape& shape, const StepShape& step, const Backend& backend);

  const BlockActivations& block(int64_t i) const { return blocks_[static_cast<std::size_t>(i)]; }
  const HeadActivations& head() const { return head_; }
  /// Where the embedding goes: what the first block reads.
  TensorView stream() const;

 private:
  void connect_outputs();

  Arena kept_;
  Arena shared_;
  std::vector<BlockActivations> blocks_;
  HeadActivations head_;
};

/// Bytes of the largest phase of core/model/activation_table.hpp's workspace_phases.
int64_t workspace_bytes(const ModelShape& shape, const StepShape& step, const Backend& backend);

}  // namespace isoflop
