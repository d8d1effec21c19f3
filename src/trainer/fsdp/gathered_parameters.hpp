// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/fsdp/unit_parameters.hpp"
#include "trainer/fsdp/unit_slots.hpp"

#include <optional>
#include <span>

namespace isoflop {

/// fsdp, hsdp: flat units are gathered from the ranks of the shard group before use, in compute
/// dtype and one ahead of the pass: two buffers that they take turns in, and one that keeps the
/// embedding when it is tied (ZeRO-3, arXiv:1910.02054; PyTorch FSDP, arXiv:2304.11277). A unit
/// that is still there is not gathered again: between forward and backward the last ones, after
/// backward, when another micro step follows, the first ones.
///
/// Order of events (compute runs the model and the optimizer, communication what touches other
/// ranks; each is in order):
///
/// - all_gather reads the shard (communication) after the optimizer wrote it (compute): written_
/// - all_gather writes a buffer (communication) after compute has read what was in it:
///   Slot::released
/// - compute reads a buffer after its all_gather (communication): Slot::gathered
/// - the optimizer writes the shard (compute) after all gathers that read it: it waits for
///   ParameterEngine::gradients_final(), which is later on the communication stream
class GatheredParameters final : public UnitParameters {
 public:
  GatheredParameters(const Backend& backend, const FlatShard& shard, Collectives& collectives);

  void begin_micro_step(MicroStep micro_step) override { micro_step_ = micro_step; }
  /// Then starts gathering the next unit of the pass (unless it is there), at once or when a buffer
  /// comes free.
  std::span<const TensorView> acquire(int64_t unit, Pass pass) override;
  void release(int64_t unit) override;
  /// What was gathered is stale; the early units are gathered again at once.
  void early_units_changed() override;
  /// What was gathered is stale, but for the early units of this change.
  void changed() override;
  void add_shared_buffers(std::vector<SharedBuffer>& buffers) const override;

 private:
  /// With the unit that is gathered, or on its way.
  struct Slot : UnitSlot {
    using UnitSlot::UnitSlot;

    Event gathered;  ///< communication: the buffer holds the unit
    Event released;  ///< compute: the buffer is no longer read
    int n_lease = 0;
  };

  // Units are flat ones from here on.
  std::optional<int64_t> next_unit(int64_t unit, Pass pass) const;
  /// The least recently used buffer that no one holds; null when there is none.
  Slot* find_free(int64_t unit);
  void gather(int64_t unit, Slot& slot);
  void prefetch();

  const Backend& backend_;
  const FlatShard& shard_;
  Collectives& collectives_;
  MicroStep micro_step_;
  UnitSlots<Slot> slots_;
  std::optional<int64_t> wanted_;  ///< to be gathered when a buffer comes free
  Event written_;                  ///< compute: what is gathered next of the shard is final
  bool has_early_units_ = false;   ///< since the last change
  Arena no_scratch_;               // casts need none
};

}  // namespace isoflop
