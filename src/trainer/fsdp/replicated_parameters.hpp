// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/fsdp/parameter_engine.hpp"

#include <optional>
#include <vector>

namespace isoflop {

/// ddp: every rank holds all parameters, gradients and optimizer state; leases are views of them.
/// In the last micro step a unit's gradients are summed over ranks as soon as its lease ends, while
/// backward goes on.
///
/// Order: the sum of a unit (communication) follows the event recorded on compute when its lease
/// ends, after all work that adds to it; gradients_final() follows the last sum. The next step's
/// zeroing (compute) comes after the optimizer, which waited for that event.
class ReplicatedParameters final : public ParameterEngine {
 public:
  ReplicatedParameters(const Backend& backend, FlatLayout layout, Collectives& collectives,
                       OptimizerKind optimizer);

  UnitLease parameters(int64_t unit, Pass pass) override;
  UnitLease gradients(int64_t unit) override;
  void begin_micro_step(MicroStep micro_step) override;
  Event gradients_final() override;
  void parameters_changed() override;

 private:
  void release_parameters(int64_t) noexcept override {}
  void release_gradients(int64_t unit) noexcept override;
  /// What forward and backward read: the master parameters, or their copy in compute dtype.
  TensorView params_in_use() const;

  const Backend& backend_;
  Collectives& collectives_;
  MicroStep micro_step_;
  Buffer compute_params_;  // only where compute and master dtype differ
  Arena no_scratch_;       // casts need none
  std::vector<std::vector<TensorView>> params_;
  std::vector<std::vector<TensorView>> grads_;
};

}  // namespace isoflop
