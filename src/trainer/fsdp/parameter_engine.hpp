// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/parallel/layout.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/model/parameter_source.hpp"

#include <exception>
#include <memory>

namespace isoflop {

/// Place of a micro step in its optimizer step.
struct MicroStep {
  int64_t index = 0;
  int64_t count = 1;
  bool is_first() const { return index == 0; }
  bool is_last() const { return index + 1 == count; }
};

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
class ParameterEngine : public ParameterSource {
 public:
  FlatShard& shard() { return shard_; }
  const FlatShard& shard() const { return shard_; }

  /// Gradients of the first micro step replace those of the step before, later ones add to them.
  virtual void begin_micro_step(MicroStep micro_step) = 0;
  /// After the last micro step's leases have ended: the event at which shard().grads() holds the
  /// sum over ranks and micro steps.
  virtual Event gradients_final() = 0;
  /// To be called after the work that writes shard().params() is enqueued on the compute stream
  /// (optimizer, initialisation, a restored checkpoint) and before the next lease: copies made of
  /// them are stale. No unit may be leased.
  virtual void parameters_changed() = 0;

 protected:
  ParameterEngine(const Backend& backend, FlatLayout layout, int64_t shard, OptimizerKind optimizer)
      : shard_(backend, std::move(layout), shard, optimizer) {}

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

 private:
  FlatShard shard_;
  std::exception_ptr failure_;
};

/// The engine of the layout's strategy. Parameters are zero until initialised. `backend` and
/// `collectives` must outlive it. Throws ConfigError for a grid the strategy does not run on, and
/// OutOfMemoryError.
std::unique_ptr<ParameterEngine> make_parameter_engine(
    const ModelShape& shape, const Layout& layout, const Backend& backend, Collectives& collectives,
    OptimizerKind optimizer = OptimizerKind::adamw);

}  // namespace isoflop
