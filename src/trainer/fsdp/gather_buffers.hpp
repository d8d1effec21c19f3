// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/fsdp/unit_buffer.hpp"

#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace isoflop {

/// Units gathered in full from the shards of all ranks, in compute dtype: two buffers that units
/// take turns in, and one that keeps the embedding when it is tied. A unit that is still there is
/// not gathered again. sharded_parameters.hpp has the order of events.
class GatherBuffers {
 public:
  GatherBuffers(const Backend& backend, const FlatShard& shard, Collectives& collectives);

  /// The unit's tensors, ready on the compute stream, until release(). Then starts gathering `next`
  /// (unless it is there), at once or when a buffer comes free.
  std::span<const TensorView> acquire(int64_t unit, std::optional<int64_t> next);
  void release(int64_t unit);
  /// The shard's parameters are new as of `written`; what was gathered is stale.
  void invalidate(Event written);

 private:
  struct Slot {
    explicit Slot(UnitBuffer memory) : buffer(std::move(memory)) {}

    UnitBuffer buffer;
    std::optional<int64_t> unit;  ///< gathered, or on its way
    Event gathered;               ///< communication: the buffer holds the unit
    Event released;               ///< compute: the buffer is no longer read
    int n_lease = 0;
    int64_t last_use = 0;
  };

  std::span<Slot> slots_for(int64_t unit);
  Slot* find(int64_t unit);
  /// The least recently used buffer that no one holds; null when there is none.
  Slot* find_free(int64_t unit);
  void gather(int64_t unit, Slot& slot);
  void prefetch();

  const Backend& backend_;
  const FlatShard& shard_;
  Collectives& collectives_;
  std::vector<Slot> slots_;
  std::optional<int64_t> wanted_;  ///< to be gathered when a buffer comes free
  Event written_;                  ///< compute: the shard's parameters are final
  int64_t n_use_ = 0;
  Arena no_scratch_;  // casts need none
};

}  // namespace isoflop
