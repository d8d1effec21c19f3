// SPDX-License-Identifier: MIT
#include "trainer/fsdp/gradient_start.hpp"

namespace isoflop {

std::vector<FlatRange> ranges_to_zero(const FlatUnit& unit) {
  std::vector<FlatRange> ranges;
  int64_t begin = 0;
  const auto end_at = [&](int64_t end) {
    if (end > begin) ranges.push_back({begin, end - begin});
  };
  for (const FlatSegment& segment : unit.segments) {
    if (segment.tensor.kind != ParameterKind::matrix) continue;
    end_at(segment.offset);
    begin = segment.offset + segment.tensor.size();
  }
  end_at(unit.size);
  return ranges;
}

void start_gradients(Device& device, const FlatUnit& unit, TensorView flat) {
  for (const FlatRange& range : ranges_to_zero(unit)) {
    const TensorView part = flat.flat_slice(range.begin, {range.size});
    device.zero(part.data, part.bytes(), device.compute_stream());
  }
}

}  // namespace isoflop
