// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/fsdp/gather_buffers.hpp"
#include "trainer/fsdp/gradient_buffers.hpp"
#include "trainer/fsdp/parameter_engine.hpp"

namespace isoflop {

/// fsdp: every rank keeps a shard of parameters, gradients and optimizer state; units are gathered
/// before use, one ahead of the pass, and their gradients are reduced to the shards as they become
/// final (ZeRO-3, arXiv:1910.02054; PyTorch FSDP, arXiv:2304.11277).
///
/// Two streams: compute (C) runs the model and the optimizer, communication (M) everything that
/// touches other ranks. Each is in order; an event orders what crosses:
///
/// - all_gather reads the shard (M) after the optimizer wrote it (C): written_
/// - all_gather writes a buffer (M) after C has read what was in it: Slot::released
/// - C reads a gathered buffer after its all_gather (M): Slot::gathered
/// - C zeroes a gradient buffer after its last reduce_scatter (M): Slot::reduced
/// - reduce_scatter reads a buffer (M) after C added the last gradient: event recorded at release
/// - C reads the shard's gradients after all reductions (M): gradients_final()
/// - the optimizer writes the shard (C) after all gathers that read it (M): gradients_final(), as M
///   is in order
/// - M overwrites the shard's gradients after the optimizer read them (C): event recorded at
/// release
///
/// The reduced shard and the accumulation into the shard's gradients are used on M only. Between
/// forward and backward the last units stay gathered; after backward, when another micro step
/// follows, the first ones do.
class ShardedParameters final : public ParameterEngine {
 public:
  ShardedParameters(const Backend& backend, FlatLayout layout, Collectives& collectives,
                    OptimizerKind optimizer);

  UnitLease parameters(int64_t unit, Pass pass) override;
  UnitLease gradients(int64_t unit) override;
  void begin_micro_step(MicroStep micro_step) override;
  Event gradients_final() override;
  void parameters_changed() override;

 private:
  void release_parameters(int64_t unit) noexcept override;
  void release_gradients(int64_t unit) noexcept override;
  std::optional<int64_t> next_unit(int64_t unit, Pass pass) const;

  Device& device_;
  GatherBuffers gathered_;
  GradientBuffers gradient_buffers_;
  MicroStep micro_step_;
};

}  // namespace isoflop
