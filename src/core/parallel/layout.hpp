// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/activation_table.hpp"

#include <cstdint>
#include <string>

namespace isoflop {

/// ddp: every rank holds everything; fsdp: parameters, gradients and optimizer state are sharded
/// over all ranks (ZeRO-3, arXiv:1910.02054).
enum class ParallelStrategy { ddp, fsdp };

/// How a run is spread over its ranks. Ranks form an n_replica x n_shard grid, shard index fastest,
/// so that a shard group is contiguous; ddp has n_shard = 1, fsdp n_replica = 1.
struct Layout {
  ParallelStrategy strategy = ParallelStrategy::ddp;
  int64_t n_replica = 1;
  int64_t n_shard = 1;
  int64_t micro_batch_size = 1;  ///< sequences per rank and micro step
  int64_t grad_accum_steps = 1;  ///< micro steps per optimizer step
  Recompute recompute = Recompute::none;

  int64_t world_size() const { return n_replica * n_shard; }
  /// Sequences per optimizer step over all ranks.
  int64_t global_batch_size() const { return world_size() * micro_batch_size * grad_accum_steps; }
};

/// "fsdp 8 x micro batch 4 x accumulation 2, recompute full".
std::string to_string(const Layout& layout);

}  // namespace isoflop
