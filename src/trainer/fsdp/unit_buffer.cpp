// SPDX-License-Identifier: MIT
#include "trainer/fsdp/unit_buffer.hpp"

namespace isoflop {
namespace {

Extents extents_of(const ParameterTensor& tensor) {
  Extents extents;
  for (const int64_t extent : tensor.shape) {
    ISOFLOP_CHECK(extents.rank < kMaxRank);
    extents[extents.rank++] = extent;
  }
  return extents;
}

}  // namespace

std::vector<TensorView> unit_tensors(const FlatUnit& unit, TensorView flat) {
  std::vector<TensorView> tensors;
  for (const FlatSegment& segment : unit.segments)
    tensors.push_back(flat.flat_slice(segment.offset, extents_of(segment.tensor)));
  return tensors;
}

std::vector<std::vector<TensorView>> model_unit_tensors(const FlatLayout& layout, TensorView flat) {
  std::vector<std::vector<TensorView>> tensors;
  for (const ModelUnit& place : layout.model_units) {
    const FlatUnit& unit = layout.unit_of(place);
    const std::vector<TensorView> all =
        unit_tensors(unit, flat.flat_slice(unit.offset, {unit.size}));
    const auto first = all.begin() + place.first_segment;
    tensors.emplace_back(first, first + place.n_segment);
  }
  return tensors;
}

UnitBuffer::UnitBuffer(Device& device, const FlatLayout& layout, int64_t size, DType dtype,
                       MemoryCategory category)
    : memory_(device.allocate_for_collectives(size * size_of(dtype), category)) {
  for (const FlatUnit& unit : layout.units) {
    const bool fits = unit.size <= size;
    flat_.push_back(fits ? memory_.view(dtype, {unit.size}) : TensorView());
    tensors_.push_back(fits ? unit_tensors(unit, flat_.back()) : std::vector<TensorView>());
  }
}

std::span<const TensorView> UnitBuffer::tensors(const ModelUnit& unit) const {
  return std::span(tensors_[static_cast<std::size_t>(unit.flat_unit)])
      .subspan(static_cast<std::size_t>(unit.first_segment),
               static_cast<std::size_t>(unit.n_segment));
}

}  // namespace isoflop
