// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/fsdp/parameter_engine.hpp"
#include "trainer/fsdp/unit_buffer.hpp"

#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace isoflop {

/// Gradients of whole units in master dtype, on their way to the shards of all ranks: two buffers
/// that units take turns in, one for the embedding when it is tied (its gradients are final only at
/// the end of backward), and the reduced shard of later micro steps. sharded_parameters.hpp has the
/// order of events.
class GradientBuffers {
 public:
  GradientBuffers(const Backend& backend, const FlatShard& shard, Collectives& collectives);

  /// Zeroed accumulators of the unit, until release().
  std::span<const TensorView> acquire(int64_t unit);
  /// Sums the unit's gradients over ranks into the shard's: replaces them in the first micro step,
  /// adds to them in later ones.
  void release(int64_t unit, MicroStep micro_step);

 private:
  struct Slot {
    explicit Slot(UnitBuffer memory) : buffer(std::move(memory)) {}

    UnitBuffer buffer;
    std::optional<int64_t> unit;  ///< leased
    Event reduced;                ///< communication: the buffer is no longer read
    int64_t last_use = 0;
  };

  std::span<Slot> slots_for(int64_t unit);
  Slot& find_free(int64_t unit);
  Slot& find_leased(int64_t unit);

  const Backend& backend_;
  const FlatShard& shard_;
  Collectives& collectives_;
  std::vector<Slot> slots_;
  Buffer reduced_shard_;
  int64_t n_use_ = 0;
  Arena no_scratch_;  // accumulation needs none
};

}  // namespace isoflop
