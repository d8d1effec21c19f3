// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/fsdp/unit_gradients.hpp"

#include <vector>

namespace isoflop {

/// ddp, zero1: every rank adds up gradients of the whole model over all micro steps. In the last
/// one a unit's gradients are reduced as soon as its lease ends, while backward goes on: summed
/// over replicas, or to this rank's shard in place.
///
/// Order: the sum of a unit (communication) follows the event recorded on compute when its lease
/// ends, after all work that adds to it. The next step's first work on them (compute) comes after
/// the optimizer, which waited for ParameterEngine::gradients_final().
class WholeGradients final : public UnitGradients {
 public:
  WholeGradients(Device& device, const FlatShard& shard, Collectives& collectives);

  void begin_micro_step(MicroStep micro_step) override;
  std::span<const TensorView> acquire(int64_t unit) override;
  void release(int64_t unit) override;
  void add_shared_buffers(std::vector<SharedBuffer>& buffers) const override;
  Accumulate accumulate_matrices() const override {
    return micro_step_.is_first() ? Accumulate::no : Accumulate::yes;
  }

 private:
  Device& device_;
  const FlatShard& shard_;
  Collectives& collectives_;
  std::vector<std::vector<TensorView>> tensors_;  // by unit
  MicroStep micro_step_;
};

}  // namespace isoflop
