// SPDX-License-Identifier: MIT
#include "core/parallel/communication.hpp"

#include "core/base/check.hpp"
#include "core/parallel/compute_bytes.hpp"
#include "core/parallel/muon_owners.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// How often a step gathers each flat unit. Whole parameters: once. Parameters that are given up
/// after use: in forward and backward, unless the unit is still in one of two buffers (the last two
/// of forward, the first two of backward) or has a buffer of its own; backward does not need the
/// embedding, which is fetched at its end for the next micro step.
std::vector<int64_t> gathers_of(const FlatLayout& flat, const Layout& layout) {
  std::vector<int64_t> counts(flat.units.size(), 1);
  if (keeps_whole_parameters(layout)) return counts;
  const int64_t n_micro_step = layout.grad_accum_steps;
  const int64_t n_unit = std::ssize(flat.units);
  const int64_t first_streamed = flat.is_resident(0) ? 1 : 0;
  const int64_t first_in_backward = flat.model_unit(1).flat_unit;
  for (int64_t unit = first_streamed; unit < n_unit; ++unit) {
    int64_t& count = counts[static_cast<std::size_t>(unit)];
    if (unit < n_unit - 2) count += n_micro_step - (unit < first_in_backward ? 1 : 0);
    if (unit >= first_streamed + 2) count += n_micro_step - 1;
  }
  return counts;
}

void add_parameter_traffic(std::vector<Traffic>& all, const FlatLayout& flat, const Layout& layout,
                           int64_t element_bytes) {
  const std::vector<int64_t> n_gather = gathers_of(flat, layout);
  for (std::size_t unit = 0; unit < flat.units.size(); ++unit) {
    const int64_t once = ring_bytes(CollectiveKind::all_gather,
                                    flat.units[unit].size * element_bytes, layout.n_shard);
    add_traffic(all, {CollectiveKind::all_gather, Group::shard, n_gather[unit] * once});
  }
}

void add_gradient_traffic(std::vector<Traffic>& all, const FlatUnit& unit, const Layout& layout) {
  const int64_t n_reduction = keeps_whole_gradients(layout) ? 1 : layout.grad_accum_steps;
  const int64_t scattered =
      ring_bytes(CollectiveKind::reduce_scatter, unit.size * kMasterBytes, layout.n_shard);
  add_traffic(all, {CollectiveKind::reduce_scatter, Group::shard, n_reduction * scattered});
  const int64_t shard_bytes = unit.shard_size(layout.n_shard) * kMasterBytes;
  add_traffic(all, {CollectiveKind::all_reduce, Group::replica,
                    ring_bytes(CollectiveKind::all_reduce, shard_bytes, layout.n_replica)});
}

int64_t piece_bytes(const FlatLayout& flat, const FlatMatrix& matrix, int64_t shard) {
  const std::optional<RangePiece> piece = piece_of(flat, matrix, shard);
  return piece ? piece->size * kMasterBytes : 0;
}

/// What `rank` sends for a matrix of `owner`.
void add_matrix_traffic(std::vector<Traffic>& all, const FlatLayout& flat, const Layout& layout,
                        const FlatMatrix& matrix, int64_t owner, int64_t rank) {
  const int64_t n_shard = layout.n_shard;
  const int64_t mine = piece_bytes(flat, matrix, rank % n_shard);
  const int64_t others = matrix.size() * kMasterBytes - mine;
  if (rank == owner) {
    add_traffic(all, {CollectiveKind::exchange, Group::shard, others});
  } else if (rank / n_shard == owner / n_shard) {
    add_traffic(all, {CollectiveKind::exchange, Group::shard, mine});
  }
  add_traffic(all, {CollectiveKind::broadcast, Group::replica,
                    ring_bytes(CollectiveKind::broadcast, mine, layout.n_replica)});
}

}  // namespace

std::string to_string(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_gather:
      return "all-gather";
    case CollectiveKind::reduce_scatter:
      return "reduce-scatter";
    case CollectiveKind::all_reduce:
      return "all-reduce";
    case CollectiveKind::broadcast:
      return "broadcast";
    case CollectiveKind::exchange:
      break;
  }
  return "exchange";
}

int64_t ring_bytes(CollectiveKind kind, int64_t whole_bytes, int64_t n_rank) {
  ISOFLOP_CHECK(kind != CollectiveKind::exchange);
  const int64_t passes = kind == CollectiveKind::all_reduce ? 2 : 1;
  return passes * (n_rank - 1) * whole_bytes / n_rank;
}

void add_traffic(std::vector<Traffic>& all, const Traffic& traffic) {
  if (traffic.bytes == 0) return;
  const auto same = std::find_if(all.begin(), all.end(), [&](const Traffic& other) {
    return other.kind == traffic.kind && other.group == traffic.group;
  });
  if (same == all.end()) {
    all.push_back(traffic);
  } else {
    same->bytes += traffic.bytes;
  }
}

std::vector<Traffic> step_traffic(const FlatLayout& flat, const Layout& layout,
                                  Precision precision) {
  std::vector<Traffic> all;
  add_parameter_traffic(all, flat, layout, compute_bytes(precision));
  for (const FlatUnit& unit : flat.units) add_gradient_traffic(all, unit, layout);
  return all;
}

std::vector<Traffic> muon_traffic(const FlatLayout& flat, const Layout& layout, int64_t rank) {
  const std::vector<FlatMatrix> matrices = flat_matrices(flat);
  const MuonOwners owners = muon_owners(matrices, layout.world_size());
  std::vector<Traffic> all;
  for (int64_t owner = 0; owner < layout.world_size(); ++owner)
    for (const int64_t matrix : owners.matrices_of(owner))
      add_matrix_traffic(all, flat, layout, matrices[static_cast<std::size_t>(matrix)], owner,
                         rank);
  return all;
}

}  // namespace isoflop
