// SPDX-License-Identifier: MIT
#include "trainer/optim/optimizer.hpp"

namespace isoflop {

Optimizer::Optimizer(const Backend& backend, Collectives& collectives, FlatShard& shard,
                     const OptimizerConfig& config,
                     const std::optional<LossScaleParams>& loss_scale)
    : backend_(backend),
      collectives_(collectives),
      shard_(shard),
      adamw_{config.beta1, config.beta2, config.eps, config.weight_decay},
      loss_scale_(loss_scale),
      max_norm_(config.grad_clip) {
  if (config.kind == OptimizerKind::muon)
    muon_.emplace(backend, collectives, shard, config, DistributedMuon::group_size(backend));
}

int64_t Optimizer::arena_bytes(OptimizerKind kind, const FlatLayout& layout, int64_t n_rank,
                               const Backend& backend) {
  if (kind == OptimizerKind::adamw) return 0;
  return DistributedMuon::arena_bytes(layout, n_rank, DistributedMuon::group_size(backend),
                                      backend.master_dtype);
}

void Optimizer::step(StepState* state, const TensorStatistics& statistics, Event gradients_final,
                     Arena& workspace, const std::function<void()>& early_units_updated) {
  Device& device = *backend_.device;
  const Exec exec{device, device.compute_stream(), workspace};
  device.wait(exec.stream, gradients_final);
  gather_statistics(exec, statistics);
  backend_.ops->clip_by_global_norm(exec, state, statistics.sums, max_norm_);
  const auto& [early, others] = shard_.update_groups();
  update(exec, early, state, statistics);
  if (!muon_) early_units_updated();  // gathers: on every rank, with or without rows
  update(exec, others, state, statistics);
  if (muon_) muon_->step(state, statistics.norms, workspace);
  if (loss_scale_) backend_.ops->update_loss_scale(exec, state, *loss_scale_);
}

void Optimizer::update(const Exec& exec, const UpdateGroup& group, const StepState* state,
                       const TensorStatistics& statistics) {
  if (group.segments.extent(0) == 0) return;
  backend_.ops->adamw(exec, group.params, group.m, group.v, group.grads, group.segments,
                      statistics.norms, state, adamw_);
}

/// A tensor's parts lie on different ranks of the shard group: their sums, which clipping needs,
/// add. Replicas hold equal gradients already. The update does not wait for the extremes of others.
void Optimizer::gather_statistics(const Exec& exec, const TensorStatistics& statistics) {
  backend_.ops->segment_statistics(exec, statistics.sums, statistics.extremes, shard_.grads(),
                                   shard_.statistics_segments());
  exec.device.wait(
      exec.stream,
      collectives_.all_reduce(statistics.sums, statistics.sums, ReduceOp::sum, Group::shard,
                              exec.device.communication_stream(), exec.device.record(exec.stream)));
}

}  // namespace isoflop
