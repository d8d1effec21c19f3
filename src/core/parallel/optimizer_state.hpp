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
  int64_t shard_offset = 0;  ///< elements from the start of the shard
  int64_t size = 0;
  bool decayed = false;  ///< matrices
  int64_t v_offset = 0;  ///< where its second moments lie
  int64_t tensor = 0;    ///< among all of the model, units in order
};

/// The moments of one shard. First moments, Muon's momentum among them, lie as the parameters do;
/// second moments likewise, but without the elements that Muon updates.
struct OptimizerState {
  std::vector<AdamWPiece> adamw;  ///< in order of shard_offset
  int64_t v_size = 0;             ///< elements of second moments, padding included
};

OptimizerState optimizer_state(const FlatLayout& layout, int64_t shard, OptimizerKind optimizer);

}  // namespace isoflop
