// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/fsdp/unit_parameters.hpp"

#include <vector>

namespace isoflop {

/// ddp, zero1, zero2, and fsdp and hsdp without resharding: every rank holds all parameters in
/// compute dtype, and leases are views of them. Where that is the master dtype too, the shard that
/// the optimizer writes lies in place among them.
///
/// With several shards, every unit is gathered as soon as the optimizer has written the shard, in
/// the order in which the next forward pass needs them, and that pass waits for one unit at a time:
///
/// - all_gather reads the shard and overwrites the others (communication) after the optimizer wrote
///   it and all earlier leases were read (compute): event recorded in changed()
/// - compute reads a unit after its all_gather: gathered_, waited for by the first lease
/// - the optimizer writes the shard (compute) after the all_gathers that read it: it waits for
///   ParameterEngine::gradients_final(), which is later on the communication stream
class WholeParameters final : public UnitParameters {
 public:
  WholeParameters(const Backend& backend, const FlatShard& shard, Collectives& collectives);

  void begin_micro_step(MicroStep) override {}
  std::span<const TensorView> acquire(int64_t unit, Pass pass) override;
  void release(int64_t) override {}
  /// Every unit has a buffer of its own: changed() is early enough.
  void early_units_changed() override {}
  void changed() override;
  void add_shared_buffers(std::vector<SharedBuffer>& buffers) const override;

 private:
  /// All parameters in compute dtype: those of the shard, or a copy.
  TensorView all() const;
  Event gather(int64_t flat_unit, Event written);

  const Backend& backend_;
  const FlatShard& shard_;
  Collectives& collectives_;
  Buffer copy_;                                   // only where compute and master dtype differ
  std::vector<std::vector<TensorView>> tensors_;  // by unit
  std::vector<Event> gathered_;                   // by flat unit; none once waited for
  Arena no_scratch_;                              // casts need none
};

}  // namespace isoflop
