// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/restore.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

constexpr int64_t kStagedElements = int64_t{1} << 20;

/// Moments that an imported model's checkpoint does not hold: before the first update all are 0.
bool is_untouched(const CheckpointReader& reader, const StatePiece& piece) {
  return piece.kind != StateKind::parameter && reader.manifest().n_update == 0 &&
         reader.size_of_state(piece.kind, piece.tensor) == 0;
}

void restore_piece(const CheckpointReader& reader, const StatePiece& piece, const Buffer& staging,
                   Device& device) {
  const Stream stream = device.compute_stream();
  if (is_untouched(reader, piece)) {
    device.zero(piece.view.data, piece.view.bytes(), stream);
    return;
  }
  for (int64_t begin = 0; begin < piece.view.size(); begin += kStagedElements) {
    const int64_t n = std::min(kStagedElements, piece.view.size() - begin);
    const TensorView part = piece.view.flat_slice(begin, {n});
    reader.read({piece.kind, piece.tensor, piece.offset + begin, n}, part.dtype,
                {static_cast<std::byte*>(staging.data()), static_cast<std::size_t>(part.bytes())});
    device.copy(part.data, staging.data(), part.bytes(), stream);
    device.synchronize(device.record(stream));
  }
}

}  // namespace

void restore_state(const CheckpointReader& reader, const RankState& state, const FlatLayout& layout,
                   Device& device) {
  check_tensors(reader, layout);
  const Buffer staging = device.allocate_pinned(kStagedElements * size_of(DType::f64));
  for (const StatePiece& piece : state.all()) restore_piece(reader, piece, staging, device);
}

void check_tensors(const CheckpointReader& reader, const FlatLayout& layout) {
  int64_t tensor = 0;
  for (const FlatUnit& unit : layout.units) {
    for (const FlatSegment& segment : unit.segments) {
      const int64_t held = reader.size_of_state(StateKind::parameter, tensor++);
      if (held != segment.tensor.size())
        throw FileError(fmt::format(
            "{}: holds {} elements of {} {}, the model has {}; it is of another model",
            reader.folder().string(), held, unit.name, segment.tensor.name, segment.tensor.size()));
    }
  }
}

}  // namespace isoflop
