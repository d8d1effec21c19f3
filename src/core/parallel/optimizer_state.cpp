// SPDX-License-Identifier: MIT
#include "core/parallel/optimizer_state.hpp"

#include "core/base/round_up.hpp"
#include "core/parallel/muon_owners.hpp"

#include <algorithm>

namespace isoflop {

OptimizerState optimizer_state(const FlatLayout& layout, int64_t shard, OptimizerKind optimizer) {
  OptimizerState state;
  int64_t left_out = 0;
  for (const ShardPiece& piece : shard_pieces(layout, shard)) {
    const ParameterTensor& tensor = tensor_of(layout, piece);
    if (optimizer == OptimizerKind::muon && !tensor.hidden_rows.empty()) {
      left_out += round_up(piece.size, kFlatAlignment);
      state.muon.push_back(piece);
      continue;
    }
    state.adamw.push_back({.piece = piece,
                           .decayed = tensor.kind == ParameterKind::matrix,
                           .moment_offset = piece.shard_offset - left_out});
  }
  state.moment_size = layout.total_shard_size - left_out;
  return state;
}

OptimizerSize largest_optimizer_state(const FlatLayout& layout, int64_t n_rank,
                                      OptimizerKind optimizer) {
  if (optimizer == OptimizerKind::adamw) return {.moments = layout.total_shard_size};
  std::vector<int64_t> moments;
  for (int64_t shard = 0; shard < layout.n_shard; ++shard)
    moments.push_back(optimizer_state(layout, shard, optimizer).moment_size);
  const std::vector<FlatMatrix> matrices = flat_matrices(layout);
  const MuonOwners owners = muon_owners(matrices, n_rank);
  OptimizerSize largest;
  for (int64_t rank = 0; rank < n_rank; ++rank) {
    const OptimizerSize size{moments[static_cast<std::size_t>(rank % layout.n_shard)],
                             muon_momentum_size(matrices, owners, rank)};
    if (2 * size.moments + size.momentum > 2 * largest.moments + largest.momentum) largest = size;
  }
  return largest;
}

int64_t largest_saved_state(const FlatLayout& layout, int64_t n_rank, OptimizerKind optimizer) {
  int64_t moments = 0;
  for (int64_t shard = 0; shard < layout.n_shard; ++shard)
    moments = std::max(moments, optimizer_state(layout, shard, optimizer).moment_size);
  int64_t momentum = 0;
  if (optimizer == OptimizerKind::muon) {
    const std::vector<FlatMatrix> matrices = flat_matrices(layout);
    const MuonOwners owners = muon_owners(matrices, n_rank);
    for (int64_t rank = 0; rank < n_rank; ++rank)
      momentum = std::max(momentum, muon_momentum_size(matrices, owners, rank));
  }
  const int64_t n_replica = n_rank / layout.n_shard;
  const int64_t replicated = layout.total_shard_size + 2 * moments;
  return (replicated + n_replica - 1) / n_replica + momentum;
}

}  // namespace isoflop
