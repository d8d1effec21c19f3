// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/optimizer_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/optim/distributed_muon.hpp"

#include <optional>

namespace isoflop {

/// Statistics of a flat buffer by tensor, over all ranks; device memory.
struct TensorStatistics {
  TensorView sums;      // (n_tensors, 3) f64: sum, sum of squares, non-finite count
  TensorView extremes;  // (n_tensors, 2) f64: -min, max
};

/// Clips by the global norm and updates this rank's shard: hidden matrices by Muon if configured,
/// the rest by AdamW. With loss scaling the scale follows. Nothing here makes the host wait.
class Optimizer {
 public:
  Optimizer(const Backend& backend, Collectives& collectives, FlatShard& shard,
            const OptimizerConfig& config, const std::optional<LossScaleParams>& loss_scale);

  /// Bytes that step() takes of the arena beside Ops::prepare_update().
  static int64_t arena_bytes(OptimizerKind kind, const FlatLayout& layout, DType master_dtype);

  /// Enqueues statistics, clipping and update behind `gradients_final`; lr and corrections come
  /// from `state`.
  void step(StepState* state, Event gradients_final, Arena& workspace);
  /// Sums of squares of the parameters after the last step and of their change by tensor,
  /// (n_tensors, 2) f64, of this rank's shard; zero in a skipped step.
  TensorView norms() const { return norms_; }
  /// Gradient statistics of the last step, before clipping.
  const TensorStatistics& gradient_statistics() const { return gradients_; }

 private:
  void gather_statistics(const Exec& exec);

  const Backend& backend_;
  Collectives& collectives_;
  FlatShard& shard_;
  AdamWParams adamw_;
  std::optional<DistributedMuon> muon_;
  std::optional<LossScaleParams> loss_scale_;
  double max_norm_;
  Buffer memory_;
  TensorStatistics gradients_;
  TensorView norms_;
};

}  // namespace isoflop
