// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "trainer/backend/device.hpp"

#include <span>
#include <vector>

namespace isoflop {

/// The tensors of a unit in its flat memory, in the order of core/model/parameter_list.hpp.
std::vector<TensorView> unit_tensors(const FlatUnit& unit, TensorView flat);

/// The tensors of every unit of the model in a flat buffer of all of it: (layout.total_size()).
std::vector<std::vector<TensorView>> model_unit_tensors(const FlatLayout& layout, TensorView flat);

/// Memory for collectives that holds one flat unit at a time, with the views of every unit that
/// fits: made once, so that a unit has the same addresses in every step.
class UnitBuffer {
 public:
  /// `size` in elements.
  UnitBuffer(Device& device, const FlatLayout& layout, int64_t size, DType dtype,
             MemoryCategory category);

  const Buffer& memory() const { return memory_; }
  TensorView flat(int64_t flat_unit) const { return flat_[static_cast<std::size_t>(flat_unit)]; }
  /// Of a unit of the model.
  std::span<const TensorView> tensors(const ModelUnit& unit) const;

 private:
  Buffer memory_;
  std::vector<TensorView> flat_;  // by flat unit: (unit.size); none where it is too large
  std::vector<std::vector<TensorView>> tensors_;  // by flat unit
};

}  // namespace isoflop
