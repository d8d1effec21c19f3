// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"

namespace isoflop {

/// Statistics of a flat buffer by tensor, over all ranks; device memory.
struct TensorStatistics {
  TensorView sums;      // (n_tensors, 3) f64: sum, sum of squares, non-finite count
  TensorView extremes;  // (n_tensors, 2) f64: -min, max
};

/// Clips by the global norm and updates this rank's shard. Nothing here makes the host wait.
class Optimizer {
 public:
  Optimizer(const Backend& backend, Collectives& collectives, FlatShard& shard,
            const OptimizerConfig& config);

  /// Enqueues statistics, clipping and AdamW behind `gradients_final`; lr and corrections come from
  /// `state`.
  void step(StepState* state, Event gradients_final, Arena& workspace);
  /// Gradient statistics of the last step, before clipping.
  const TensorStatistics& gradient_statistics() const { return gradients_; }

 private:
  void gather_statistics(const Exec& exec);

  const Backend& backend_;
  Collectives& collectives_;
  FlatShard& shard_;
  AdamWParams adamw_;
  double max_norm_;
  Buffer memory_;
  TensorStatistics gradients_;
};

}  // namespace isoflop
