// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// Ranks form an n_replica x n_shard grid, shard index fastest. world is all of it, shard the ranks
/// that hold one copy of the model together, replica the ranks that hold the same shard.
enum class Group { world, shard, replica };

}  // namespace isoflop
