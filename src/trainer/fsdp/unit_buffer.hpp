// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "trainer/backend/device.hpp"

#include <span>
#include <vector>

namespace isoflop {

/// The tensors of a unit in its flat memory, in the order of core/model/parameter_list.hpp.
std::vector<TensorView> unit_tensors(const FlatUnit& unit, TensorView flat);

/// Memory that holds one unit at a time, with the views of every unit that fits: made once, so that
/// a unit has the same addresses in every step.
class UnitBuffer {
 public:
  /// `size` in elements.
  UnitBuffer(Device& device, const FlatLayout& layout, int64_t size, DType dtype,
             MemoryCategory category);

  TensorView flat(int64_t unit) const { return flat_[static_cast<std::size_t>(unit)]; }
  std::span<const TensorView> tensors(int64_t unit) const {
    return tensors_[static_cast<std::size_t>(unit)];
  }

 private:
  Buffer memory_;
  std::vector<TensorView> flat_;  // by unit: (unit.size); none where it is too large
  std::vector<std::vector<TensorView>> tensors_;  // by unit
};

}  // namespace isoflop
