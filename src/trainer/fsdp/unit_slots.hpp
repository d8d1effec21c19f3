// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/fsdp/unit_buffer.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace isoflop {

/// A buffer and the flat unit that is in it, if any.
struct UnitSlot {
  explicit UnitSlot(UnitBuffer memory) : buffer(std::move(memory)) {}

  UnitBuffer buffer;
  std::optional<int64_t> unit;
  int64_t last_use = 0;
};

/// The buffers that flat units take turns in: two, and one of its own for the embedding when it is
/// tied. `Slot` is a UnitSlot with what its user notes beside.
template <typename Slot>
class UnitSlots {
 public:
  UnitSlots(Device& device, const FlatLayout& layout, DType dtype, MemoryCategory category)
      : layout_(layout) {
    const auto add = [&](int64_t size) {
      slots_.emplace_back(UnitBuffer(device, layout, size, dtype, category));
    };
    add(layout.max_streamed_size);
    add(layout.max_streamed_size);
    if (layout.resident_size > 0) add(layout.resident_size);
  }

  std::span<Slot> all() { return slots_; }
  std::span<const Slot> all() const { return slots_; }
  /// Null when the unit is in none.
  Slot* find(int64_t unit) {
    for (Slot& slot : slots_for(unit))
      if (slot.unit == unit) return &slot;
    return nullptr;
  }
  /// The least recently used one that `unit` may take; null when there is none.
  template <typename IsFree>
  Slot* find_free(int64_t unit, const IsFree& is_free) {
    Slot* oldest = nullptr;
    for (Slot& slot : slots_for(unit))
      if (is_free(slot) && (oldest == nullptr || slot.last_use < oldest->last_use)) oldest = &slot;
    return oldest;
  }
  void note_use(Slot& slot) { slot.last_use = ++n_use_; }

 private:
  std::span<Slot> slots_for(int64_t unit) {
    const bool resident = layout_.is_resident(unit);
    return std::span(slots_).subspan(resident ? 2 : 0, resident ? 1 : 2);
  }

  const FlatLayout& layout_;
  std::vector<Slot> slots_;
  int64_t n_use_ = 0;
};

}  // namespace isoflop
