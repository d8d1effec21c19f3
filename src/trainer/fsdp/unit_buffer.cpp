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

UnitBuffer::UnitBuffer(Device& device, const FlatLayout& layout, int64_t size, DType dtype,
                       MemoryCategory category)
    : memory_(device.allocate(size * size_of(dtype), category)) {
  for (const FlatUnit& unit : layout.units) {
    const bool fits = unit.size <= size;
    flat_.push_back(fits ? memory_.view(dtype, {unit.size}) : TensorView());
    tensors_.push_back(fits ? unit_tensors(unit, flat_.back()) : std::vector<TensorView>());
  }
}

}  // namespace isoflop
