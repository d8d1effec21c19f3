// SPDX-License-Identifier: MIT
#include "trainer/optim/optimizer.hpp"

namespace isoflop {
namespace {

constexpr int64_t kSums = 3;
constexpr int64_t kExtremes = 2;
constexpr int64_t kNorms = 2;

}  // namespace

Optimizer::Optimizer(const Backend& backend, Collectives& collectives, FlatShard& shard,
                     const OptimizerConfig& config,
                     const std::optional<LossScaleParams>& loss_scale)
    : backend_(backend),
      collectives_(collectives),
      shard_(shard),
      adamw_{config.beta1, config.beta2, config.eps, config.weight_decay},
      loss_scale_(loss_scale),
      max_norm_(config.grad_clip) {
  if (config.kind == OptimizerKind::muon) muon_.emplace(backend, collectives, shard, config);
  const int64_t n = shard.n_tensor();
  memory_ = backend.device->allocate(n * (kSums + kExtremes + kNorms) * size_of(DType::f64),
                                     MemoryCategory::state);
  const TensorView all = memory_.view(DType::f64, {n * (kSums + kExtremes + kNorms)});
  gradients_ = {all.flat_slice(0, {n, kSums}), all.flat_slice(n * kSums, {n, kExtremes})};
  norms_ = all.flat_slice(n * (kSums + kExtremes), {n, kNorms});
}

int64_t Optimizer::arena_bytes(OptimizerKind kind, const FlatLayout& layout, DType master_dtype) {
  return kind == OptimizerKind::muon ? DistributedMuon::arena_bytes(layout, master_dtype) : 0;
}

void Optimizer::step(StepState* state, Event gradients_final, Arena& workspace) {
  Device& device = *backend_.device;
  const Exec exec{device, device.compute_stream(), workspace};
  device.wait(exec.stream, gradients_final);
  gather_statistics(exec);
  backend_.ops->clip_by_global_norm(exec, state, gradients_.sums, max_norm_);
  device.zero(norms_.data, norms_.bytes(), exec.stream);
  backend_.ops->adamw(exec, shard_.params(), shard_.m(), shard_.v(), shard_.grads(),
                      shard_.adamw_segments(), norms_, state, adamw_);
  if (muon_) muon_->step(state, norms_, workspace);
  if (loss_scale_) backend_.ops->update_loss_scale(exec, state, *loss_scale_);
}

/// A tensor's parts lie on different ranks of the shard group: sums add, extremes compare. Replicas
/// hold equal gradients already.
void Optimizer::gather_statistics(const Exec& exec) {
  backend_.ops->segment_statistics(exec, gradients_.sums, gradients_.extremes, shard_.grads(),
                                   shard_.statistics_segments());
  const Stream communication = exec.device.communication_stream();
  const Event local = exec.device.record(exec.stream);
  collectives_.all_reduce(gradients_.sums, gradients_.sums, ReduceOp::sum, Group::shard,
                          communication, local);
  exec.device.wait(exec.stream,
                   collectives_.all_reduce(gradients_.extremes, gradients_.extremes, ReduceOp::max,
                                           Group::shard, communication, local));
}

}  // namespace isoflop
