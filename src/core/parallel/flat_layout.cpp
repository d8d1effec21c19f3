// SPDX-License-Identifier: MIT
#include "core/parallel/flat_layout.hpp"

#include "core/base/check.hpp"
#include "core/base/round_up.hpp"

#include <algorithm>

namespace isoflop {
namespace {

FlatUnit flatten(const ParameterUnit& unit, int64_t n_shard) {
  FlatUnit flat;
  flat.name = unit.name;
  int64_t offset = 0;
  for (const ParameterTensor& tensor : unit.tensors) {
    flat.segments.push_back({tensor, offset});
    offset = round_up(offset + tensor.size(), kFlatAlignment);
  }
  flat.size = round_up(offset, n_shard * kFlatAlignment);
  return flat;
}

/// The part of segment `segment` that lies in elements [shard_begin, shard_end) of the unit; empty
/// (size <= 0) when they do not meet.
ShardPiece intersect(const FlatUnit& unit, int64_t segment, int64_t shard_begin,
                     int64_t shard_end) {
  const FlatSegment& whole = unit.segments[static_cast<std::size_t>(segment)];
  const int64_t begin = std::max(whole.offset, shard_begin);
  const int64_t end = std::min(whole.offset + whole.tensor.size(), shard_end);
  ShardPiece piece;
  piece.segment = segment;
  piece.shard_offset = unit.shard_offset + begin - shard_begin;
  piece.tensor_offset = begin - whole.offset;
  piece.size = end - begin;
  return piece;
}

}  // namespace

FlatLayout make_flat_layout(const ModelShape& shape, int64_t n_shard) {
  ISOFLOP_CHECK(n_shard >= 1);
  FlatLayout layout;
  layout.n_shard = n_shard;
  for (const ParameterUnit& unit : parameter_units(shape)) {
    FlatUnit flat = flatten(unit, n_shard);
    flat.shard_offset = layout.total_shard_size;
    layout.total_shard_size += flat.shard_size(n_shard);
    layout.max_unit_size = std::max(layout.max_unit_size, flat.size);
    const bool resident = shape.tied_embeddings && layout.units.empty();
    if (resident) {
      layout.resident_size = flat.size;
    } else {
      layout.max_streamed_size = std::max(layout.max_streamed_size, flat.size);
    }
    layout.units.push_back(std::move(flat));
  }
  return layout;
}

std::vector<ShardPiece> shard_pieces(const FlatLayout& layout, int64_t shard) {
  ISOFLOP_CHECK(shard >= 0 && shard < layout.n_shard);
  std::vector<ShardPiece> pieces;
  for (std::size_t u = 0; u < layout.units.size(); ++u) {
    const FlatUnit& unit = layout.units[u];
    const int64_t shard_size = unit.shard_size(layout.n_shard);
    for (std::size_t s = 0; s < unit.segments.size(); ++s) {
      ShardPiece piece =
          intersect(unit, static_cast<int64_t>(s), shard * shard_size, (shard + 1) * shard_size);
      piece.unit = static_cast<int64_t>(u);
      if (piece.size > 0) pieces.push_back(piece);
    }
  }
  return pieces;
}

}  // namespace isoflop
