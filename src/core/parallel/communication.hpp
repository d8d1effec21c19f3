// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/parallel/flat_layout.hpp"
#include "core/parallel/layout.hpp"
#include "core/parallel/rank_group.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

enum class CollectiveKind { all_gather, reduce_scatter, all_reduce, broadcast, exchange };

/// "all-gather", ...
std::string to_string(CollectiveKind kind);

/// Bytes that each of n_rank ranks sends in a ring, the least there can be: of what a gather
/// collects, a reduction takes in or a broadcast hands on (there on average), (n - 1) / n; twice
/// that for an all-reduce, which is a reduce-scatter and an all-gather (Patarasuk and Yuan, J.
/// Parallel Distrib. Comput. 69, 2009). Not for exchanges, whose messages are sent as they are.
int64_t ring_bytes(CollectiveKind kind, int64_t whole_bytes, int64_t n_rank);

/// What one rank sends by one collective in one group of ranks.
struct Traffic {
  CollectiveKind kind = CollectiveKind::all_gather;
  Group group = Group::world;
  int64_t bytes = 0;

  bool operator==(const Traffic&) const = default;
};

/// Adds to the entry of the same kind and group, or makes it; no bytes make none.
void add_traffic(std::vector<Traffic>& all, const Traffic& traffic);

/// Parameters and gradients that one rank sends in an optimizer step, with P bytes of parameters in
/// compute type and G of gradients in fp32, padding included, s = (n_shard - 1) / n_shard and A
/// micro steps (ZeRO, arXiv:1910.02054, section 7):
///
///   ddp    all-reduce of gradients once                                  2 s' G over replicas
///   zero1  reduce-scatter once, all-gather of the updated parameters     s G + s P
///   zero2  reduce-scatter in every micro step                            A s G + s P
///   fsdp   all-gather in forward and again in backward                   A s G + 2 A s P, less the
///          units that stay between passes: two of them, and a tied embedding
///   hsdp   as fsdp, then an all-reduce of the shard over replicas        + 2 s' G / n_shard
///
/// fsdp and hsdp without resharding gather once, as zero2. Norms, losses and votes, some bytes a
/// tensor, are not counted.
std::vector<Traffic> step_traffic(const FlatLayout& flat, const Layout& layout,
                                  Precision precision);

/// What `rank` sends in a step for Muon besides: its pieces of gradients to the owners of matrices,
/// the pieces of updates of matrices that it owns back, both in fp32 within its shard group, and
/// broadcasts of updates to other replicas. Exchanges are at most twice the matrices that
/// the ranks of the shard group own (muon_owners.hpp).
std::vector<Traffic> muon_traffic(const FlatLayout& flat, const Layout& layout, int64_t rank);

}  // namespace isoflop
