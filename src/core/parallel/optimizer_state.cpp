// SPDX-License-Identifier: MIT
#include "core/parallel/optimizer_state.hpp"

#include "core/base/round_up.hpp"

namespace isoflop {
namespace {

const ParameterTensor& tensor_of(const FlatLayout& layout, const ShardPiece& piece) {
  const FlatUnit& unit = layout.units[static_cast<std::size_t>(piece.unit)];
  return unit.segments[static_cast<std::size_t>(piece.segment)].tensor;
}

int64_t number_of(const FlatLayout& layout, const ShardPiece& piece) {
  int64_t number = piece.segment;
  for (int64_t unit = 0; unit < piece.unit; ++unit)
    number += std::ssize(layout.units[static_cast<std::size_t>(unit)].segments);
  return number;
}

}  // namespace

OptimizerState optimizer_state(const FlatLayout& layout, int64_t shard, OptimizerKind optimizer) {
  OptimizerState state;
  int64_t left_out = 0;
  for (const ShardPiece& piece : shard_pieces(layout, shard)) {
    const ParameterTensor& tensor = tensor_of(layout, piece);
    if (optimizer == OptimizerKind::muon && !tensor.hidden_rows.empty()) {
      left_out += round_up(piece.size, kFlatAlignment);
      continue;
    }
    state.adamw.push_back({.shard_offset = piece.shard_offset,
                           .size = piece.size,
                           .decayed = tensor.kind == ParameterKind::matrix,
                           .v_offset = piece.shard_offset - left_out,
                           .tensor = number_of(layout, piece)});
  }
  state.v_size = layout.total_shard_size - left_out;
  return state;
}

}  // namespace isoflop
