// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/optimizer_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/optim/distributed_muon.hpp"
#include "trainer/optim/tensor_statistics.hpp"

#include <functional>
#include <optional>

namespace isoflop {

/// Clips by the global norm and updates this rank's shard: hidden matrices by Muon if configured,
/// the rest by AdamW. With loss scaling the scale follows. Nothing here makes the host wait.
class Optimizer {
 public:
  Optimizer(const Backend& backend, Collectives& collectives, FlatShard& shard,
            const OptimizerConfig& config, const std::optional<LossScaleParams>& loss_scale);

  /// Bytes that step() takes of the arena beside Ops::prepare_update().
  static int64_t arena_bytes(OptimizerKind kind, const FlatLayout& layout, int64_t n_rank,
                             const Backend& backend);

  /// Enqueues statistics, clipping and update behind `gradients_final`; lr and the number
  /// of updates come from `state`. Writes sums and extremes of gradients before clipping, adds to
  /// norms. Calls early_units_updated() when the update of FlatShard::n_early_unit() flat units is
  /// enqueued and that of others is not; under Muon, which updates units together, never.
  void step(StepState* state, const TensorStatistics& statistics, Event gradients_final,
            Arena& workspace, const std::function<void()>& early_units_updated);

  /// None without that optimizer.
  const DistributedMuon* muon() const { return muon_ ? &*muon_ : nullptr; }

 private:
  void gather_statistics(const Exec& exec, const TensorStatistics& statistics);
  /// By AdamW.
  void update(const Exec& exec, const UpdateGroup& group, const StepState* state,
              const TensorStatistics& statistics);

  const Backend& backend_;
  Collectives& collectives_;
  FlatShard& shard_;
  AdamWParams adamw_;
  std::optional<DistributedMuon> muon_;
  std::optional<LossScaleParams> loss_scale_;
  double max_norm_;
};

}  // namespace isoflop
