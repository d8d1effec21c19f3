// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/fsdp/unit_gradients.hpp"
#include "trainer/fsdp/unit_slots.hpp"

#include <span>

namespace isoflop {

/// zero2, fsdp, hsdp: gradients of whole flat units in master dtype, on their way to the shards of
/// the shard group: two buffers that units take turns in, one for the embedding when it is tied
/// (its gradients are final only at the end of backward), and the reduced shard of later micro
/// steps. Every micro step reduces to the shard; under hsdp the last one sums the shard over
/// replicas too.
///
/// Order of events (compute runs the model and the optimizer, communication what touches other
/// ranks; each is in order):
///
/// - compute starts a buffer after its last reduce_scatter (communication): Slot::reduced
/// - reduce_scatter reads a buffer (communication) after compute added the last gradient of the
///   unit, and overwrites the shard's gradients after the optimizer read them (compute): event
///   recorded when the unit's last lease ends
/// - the optimizer reads the shard's gradients (compute) after all reductions (communication):
///   ParameterEngine::gradients_final()
///
/// The reduced shard and the sums into the shard's gradients are used on communication only.
class StreamedGradients final : public UnitGradients {
 public:
  StreamedGradients(const Backend& backend, const FlatShard& shard, Collectives& collectives);

  void begin_micro_step(MicroStep micro_step) override { micro_step_ = micro_step; }
  std::span<const TensorView> acquire(int64_t unit) override;
  void release(int64_t unit) override;
  void add_shared_buffers(std::vector<SharedBuffer>& buffers) const override;
  Accumulate accumulate_matrices() const override { return Accumulate::no; }

 private:
  /// With the unit whose gradients are being added up.
  struct Slot : UnitSlot {
    using UnitSlot::UnitSlot;

    int64_t n_leased = 0;  ///< of its model units
    int64_t n_released = 0;
    Event reduced;  ///< communication: the buffer is no longer read
  };

  // Units are flat ones from here on.
  void start(int64_t unit, Slot& slot);
  /// Sums the unit's gradients over ranks into the shard's: replaces them in the first micro step,
  /// adds to them in later ones.
  void reduce(Slot& slot);

  const Backend& backend_;
  const FlatShard& shard_;
  Collectives& collectives_;
  MicroStep micro_step_;
  UnitSlots<Slot> slots_;
  Buffer reduced_shard_;
  Arena no_scratch_;  // accumulation needs none
};

}  // namespace isoflop
