// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/parallel/layout.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/fsdp/micro_step.hpp"
#include "trainer/fsdp/unit_gradients.hpp"
#include "trainer/fsdp/unit_parameters.hpp"
#include "trainer/model/parameter_source.hpp"

#include <exception>
#include <memory>

namespace isoflop {

/// The parameter source of a training loop: this rank's shard of the model state, and the traffic
/// that gathers parameters and sums gradients over ranks. One optimizer step is
///
///   for each micro step: begin_micro_step(); forward and backward lease every unit's gradients
///   once device.wait(compute, gradients_final()); clipping and optimizer on shard(), on compute
///   parameters_changed()
///
/// Forward passes for evaluation may come at any time after parameters_changed(). Nothing here
/// makes the host wait or allocates after construction, addresses repeat from step to step, and
/// every rank enqueues the same collectives in the same order, provided all ranks lease alike.
///
/// A strategy is where parameters are and where gradients go:
///
///   ddp, zero1                        WholeParameters      WholeGradients
///   zero2; fsdp, hsdp, no resharding  WholeParameters      StreamedGradients
///   fsdp, hsdp                        GatheredParameters   StreamedGradients
///
/// Gathers and reductions share the communication stream. A stream for each would gain nothing:
/// they share the links, and both take multiprocessors at once (the modelled step of Llama-3 8B,
/// tests/modelled). It would also take a second communicator, whose kernels may deadlock with those
/// of the first unless all ranks start both in one order (NCCL user guide, "Using multiple NCCL
/// communicators concurrently"; NCCL_LAUNCH_ORDER_IMPLICIT from 2.26 on).
class ParameterEngine final : public ParameterSource {
 public:
  /// Parameters are zero until initialised. `backend` and `collectives` must outlive it. Throws
  /// ConfigError for a grid the strategy does not run on, and OutOfMemoryError.
  ParameterEngine(const ModelShape& shape, const Layout& layout, const Backend& backend,
                  Collectives& collectives, OptimizerKind optimizer = OptimizerKind::adamw);

  /// Collectives::register_buffers of all its buffers, until its destruction, by when none of its
  /// collectives may be under way. Collective over all ranks, before anything is leased.
  void register_buffers();

  FlatShard& shard() { return shard_; }
  const FlatShard& shard() const { return shard_; }

  UnitLease parameters(int64_t unit, Pass pass) override;
  UnitLease gradients(int64_t unit) override;
  /// Gradients of the first micro step replace those of the step before, later ones add to them.
  void begin_micro_step(MicroStep micro_step);
  /// After the last micro step's leases have ended: the event at which this rank's shard of
  /// shard().grads() holds the sum over ranks and micro steps. The shard's parameters may be
  /// written after it.
  Event gradients_final();
  /// May be called before parameters_changed(), when the work that writes FlatShard::n_early_unit()
  /// flat units is enqueued and that of the others is not: what the next forward pass needs first
  /// is gathered beside it. No unit may be leased until parameters_changed().
  void early_units_changed() { parameters_->early_units_changed(); }
  /// To be called after the work that writes the shard's parameters is enqueued on the compute
  /// stream (optimizer, initialisation, a restored checkpoint) and before the next lease: copies
  /// made of them are stale. No unit may be leased.
  void parameters_changed();

 private:
  void release_parameters(int64_t unit) noexcept override;
  void release_gradients(int64_t unit) noexcept override;
  /// Runs `release` of a lease that ends; what it throws comes out of throw_kept_failure().
  template <typename Release>
  void keep_failure(const Release& release) noexcept {
    try {
      release();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  void throw_kept_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  Device& device_;
  Collectives& collectives_;
  FlatShard shard_;
  std::unique_ptr<UnitParameters> parameters_;
  std::unique_ptr<UnitGradients> gradients_;
  std::unique_ptr<RegisteredBuffers> registered_;
  std::exception_ptr failure_;
};

}  // namespace isoflop
