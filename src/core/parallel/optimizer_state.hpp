// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

/// What updates the hidden matrices of blocks (core/model/muon_matrices.hpp); AdamW updates
/// everything else.
enum class OptimizerKind { adamw, muon };

/// A piece of a shard that AdamW updates.
struct AdamWPiece {
  ShardPiece piece;
  bool decayed = false;       ///< matrices
  int64_t moment_offset = 0;  ///< where its moments lie, both alike
};

/// What updates the pieces of one shard. Moments lie as the parameters do, but without the elements
/// that Muon updates: owners of matrices keep those (muon_owners.hpp).
struct OptimizerState {
  std::vector<AdamWPiece> adamw;  ///< in order of shard_offset
  std::vector<ShardPiece> muon;   ///< likewise: pieces whose updates Muon makes
  int64_t moment_size = 0;        ///< elements of either moment, padding included
};

OptimizerState optimizer_state(const FlatLayout& layout, int64_t shard, OptimizerKind optimizer);

/// Elements of optimizer state that a rank of the n_rank = n_replica x n_shard holds: both moments
/// of its shard, and Muon's momentum of the matrices that it owns. Of the rank that holds most.
struct OptimizerSize {
  int64_t moments = 0;   ///< either
  int64_t momentum = 0;  ///< of whole matrices
};
OptimizerSize largest_optimizer_state(const FlatLayout& layout, int64_t n_rank,
                                      OptimizerKind optimizer);

/// Elements that a rank of the n_rank writes to a checkpoint, of the one that writes most, padding
/// included: of parameters and moments, which n_rank / n_shard ranks hold alike, its part; all of
/// the momentum that it owns.
int64_t largest_saved_state(const FlatLayout& layout, int64_t n_rank, OptimizerKind optimizer);

}  // namespace isoflop
