// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/optim/distributed_muon.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

/// What of a tensor is kept between steps; the numbers are those of the file format.
enum class StateKind : uint32_t {
  parameter = 0,
  first_moment = 1,
  second_moment = 2,
  momentum = 3
};

/// Elements [offset, offset + view.size()) of one state of the model's tensor `tensor` (units in
/// order, tensors in order), where a rank has them: the same coordinates under every strategy and
/// on any number of ranks.
struct StatePiece {
  StateKind kind = StateKind::parameter;
  int64_t tensor = 0;
  int64_t offset = 0;
  TensorView view;
};

/// The state that a rank holds, padding left out.
struct RankState {
  std::vector<StatePiece> replicated;  ///< of its shard: equal on the ranks of its replica group
  std::vector<StatePiece> owned;       ///< on this rank alone: Muon's momentum of its matrices

  /// All of it: what a restart reads.
  std::vector<StatePiece> all() const;
};

/// `muon` is none without that optimizer.
RankState rank_state(const FlatShard& shard, const DistributedMuon* muon);

/// What rank `replica` of `n_replica` with equal copies saves: its part of the replicated pieces,
/// cut so that all parts have equally many elements, and everything that it owns.
std::vector<StatePiece> pieces_to_save(const RankState& state, int64_t replica, int64_t n_replica);

}  // namespace isoflop
