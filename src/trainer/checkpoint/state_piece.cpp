// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/state_piece.hpp"

#include "core/parallel/optimizer_state.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace isoflop {
namespace {

/// Where each tensor begins: (flat unit, offset in it) -> its number.
using TensorPlaces = std::map<std::pair<int64_t, int64_t>, int64_t>;

TensorPlaces tensor_places(const FlatLayout& layout) {
  TensorPlaces places;
  int64_t tensor = 0;
  for (std::size_t unit = 0; unit < layout.units.size(); ++unit)
    for (const FlatSegment& segment : layout.units[unit].segments)
      places[{static_cast<int64_t>(unit), segment.offset}] = tensor++;
  return places;
}

/// A matrix may be one of several in its tensor (queries, keys and values).
StatePiece momentum_piece(const TensorPlaces& places, const DistributedMuon::Owned& owned) {
  const auto next = places.upper_bound({owned.matrix.unit, owned.matrix.offset});
  const auto& [begin, tensor] = *std::prev(next);
  return {StateKind::momentum, tensor, owned.matrix.offset - begin.second,
          owned.momentum.flat_slice(0, {owned.momentum.size()})};
}

void add_parameters(std::vector<StatePiece>& pieces, const FlatShard& shard) {
  for (const ShardPiece& piece : shard.pieces())
    pieces.push_back({StateKind::parameter, piece.tensor, piece.tensor_offset,
                      shard.params().flat_slice(shard.params_offset(piece), {piece.size})});
}

void add_moments(std::vector<StatePiece>& pieces, const FlatShard& shard) {
  for (const auto& [kind, moments] : {std::pair{StateKind::first_moment, shard.m()},
                                      std::pair{StateKind::second_moment, shard.v()}})
    for (const AdamWPiece& of_adamw : shard.adamw_pieces())
      pieces.push_back({kind, of_adamw.piece.tensor, of_adamw.piece.tensor_offset,
                        moments.flat_slice(of_adamw.moment_offset, {of_adamw.piece.size})});
}

int64_t n_elements(const std::vector<StatePiece>& pieces) {
  int64_t n = 0;
  for (const StatePiece& piece : pieces) n += piece.view.size();
  return n;
}

/// What of a piece that begins at element `begin` of a row of pieces lies in [first, last).
StatePiece cut(const StatePiece& piece, int64_t begin, int64_t first, int64_t last) {
  const int64_t from = std::clamp<int64_t>(first - begin, 0, piece.view.size());
  const int64_t to = std::clamp<int64_t>(last - begin, 0, piece.view.size());
  return {piece.kind, piece.tensor, piece.offset + from, piece.view.flat_slice(from, {to - from})};
}

}  // namespace

std::vector<StatePiece> RankState::all() const {
  std::vector<StatePiece> pieces = replicated;
  pieces.insert(pieces.end(), owned.begin(), owned.end());
  return pieces;
}

RankState rank_state(const FlatShard& shard, const DistributedMuon* muon) {
  RankState state;
  add_parameters(state.replicated, shard);
  add_moments(state.replicated, shard);
  if (muon == nullptr) return state;
  const TensorPlaces places = tensor_places(shard.layout());
  for (const DistributedMuon::Owned& owned : muon->owned())
    state.owned.push_back(momentum_piece(places, owned));
  return state;
}

std::vector<StatePiece> pieces_to_save(const RankState& state, int64_t replica, int64_t n_replica) {
  const int64_t n = n_elements(state.replicated);
  const int64_t first = n * replica / n_replica;
  const int64_t last = n * (replica + 1) / n_replica;
  std::vector<StatePiece> pieces;
  int64_t begin = 0;
  for (const StatePiece& piece : state.replicated) {
    if (StatePiece part = cut(piece, begin, first, last); part.view.size() > 0)
      pieces.push_back(part);
    begin += piece.view.size();
  }
  pieces.insert(pieces.end(), state.owned.begin(), state.owned.end());
  return pieces;
}

}  // namespace isoflop
