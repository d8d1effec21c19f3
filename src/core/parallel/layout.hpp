// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/enum_names.hpp"
#include "core/model/recompute.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace isoflop {

/// What a rank keeps between steps (ZeRO, arXiv:1910.02054; PyTorch FSDP, arXiv:2304.11277):
///
///          parameters   gradients   optimizer state
///   ddp    all          all         all
///   zero1  all          all         a shard
///   zero2  all          a shard     a shard
///   fsdp   a shard      a shard     a shard           over all ranks
///   hsdp   a shard      a shard     a shard           over n_shard ranks, replicated n_replica
///   times
enum class ParallelStrategy { ddp, zero1, zero2, fsdp, hsdp };

inline constexpr std::array kStrategyNames = {
    EnumName{ParallelStrategy::ddp, "ddp"},     EnumName{ParallelStrategy::zero1, "zero1"},
    EnumName{ParallelStrategy::zero2, "zero2"}, EnumName{ParallelStrategy::fsdp, "fsdp"},
    EnumName{ParallelStrategy::hsdp, "hsdp"},
};

/// fsdp and hsdp: parameters are sharded between steps.
constexpr bool shards_parameters(ParallelStrategy strategy) {
  return strategy == ParallelStrategy::fsdp || strategy == ParallelStrategy::hsdp;
}

/// How a run is spread over its ranks. Ranks form an n_replica x n_shard grid, shard index fastest,
/// so that a shard group is contiguous; ddp has n_shard = 1; zero1, zero2 and fsdp n_replica = 1.
struct Layout {
  ParallelStrategy strategy = ParallelStrategy::ddp;
  int64_t n_replica = 1;
  int64_t n_shard = 1;
  int64_t micro_batch_size = 1;  ///< sequences per rank and micro step
  int64_t grad_accum_steps = 1;  ///< micro steps per optimizer step
  RecomputePlan recompute = Recompute::none;
  /// fsdp, hsdp: gathered parameters are given up after use and gathered again for backward; false
  /// keeps them, which leaves parameters as under zero2.
  bool reshard_after_forward = true;
  /// fsdp, hsdp: units of the model are gathered and reduced together until they have this many
  /// parameters.
  int64_t min_unit_params = 0;

  int64_t world_size() const { return n_replica * n_shard; }
  /// Sequences per optimizer step over all ranks.
  int64_t global_batch_size() const { return world_size() * micro_batch_size * grad_accum_steps; }
};

/// Whether every rank holds all parameters in compute dtype between steps: all but fsdp and hsdp
/// that give them up.
constexpr bool keeps_whole_parameters(const Layout& layout) {
  return !shards_parameters(layout.strategy) || !layout.reshard_after_forward;
}

/// Whether every rank adds up gradients of the whole model, to be reduced in the last micro step;
/// the others reduce to their shard in every micro step.
constexpr bool keeps_whole_gradients(const Layout& layout) {
  return layout.strategy == ParallelStrategy::ddp || layout.strategy == ParallelStrategy::zero1;
}

/// "fsdp 8 x micro batch 4 x accumulation 2, recompute full"; "hsdp 2 replicas x 4 shards, micro
/// batch 4 x ...".
std::string to_string(const Layout& layout);

}  // namespace isoflop
