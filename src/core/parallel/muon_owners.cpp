// SPDX-License-Identifier: MIT
#include "core/parallel/muon_owners.hpp"

#include "core/base/check.hpp"
#include "core/base/round_up.hpp"

#include <algorithm>
#include <numeric>
#include <set>

namespace isoflop {
namespace {

std::size_t index(int64_t i) { return static_cast<std::size_t>(i); }

int64_t aligned_size(const FlatMatrix& matrix) { return round_up(matrix.size(), kFlatAlignment); }

/// Those of `own` in the group, whose matrices of one shape follow each other.
void add_batches(std::set<MuonBatch>& batches, std::span<const FlatMatrix> matrices,
                 std::span<const int64_t> own, const MuonGroup& group) {
  const int64_t end = std::min<int64_t>(group.first + group.count, std::ssize(own));
  MuonBatch batch;
  for (int64_t k = group.first; k < end; ++k) {
    const FlatMatrix& matrix = matrices[index(own[index(k)])];
    if (matrix.rows != batch.rows || matrix.cols != batch.cols) {
      if (batch.count > 0) batches.insert(batch);
      batch = {matrix.rows, matrix.cols, 0};
    }
    ++batch.count;
  }
  if (batch.count > 0) batches.insert(batch);
}

/// Of equal ones those of the smaller kind come first, in their order.
std::vector<int64_t> largest_first(std::span<const double> flops, std::span<const int64_t> kinds) {
  std::vector<int64_t> order(flops.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    if (flops[index(a)] != flops[index(b)]) return flops[index(a)] > flops[index(b)];
    return !kinds.empty() && kinds[index(a)] < kinds[index(b)];
  });
  return order;
}

}  // namespace

double newton_schulz_flops(int64_t rows, int64_t cols) {
  const auto n = static_cast<double>(std::max(rows, cols));
  const auto m = static_cast<double>(std::min(rows, cols));
  return 2 * (2 * n * m * m + m * m * m);
}

MuonOwners::MuonOwners(std::span<const double> flops, int64_t n_rank,
                       std::span<const int64_t> kinds)
    : matrices_(static_cast<std::size_t>(n_rank)) {
  ISOFLOP_CHECK(n_rank >= 1);
  std::vector<double> load(matrices_.size());
  for (const int64_t matrix : largest_first(flops, kinds)) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += flops[static_cast<std::size_t>(matrix)];
    matrices_[static_cast<std::size_t>(least - load.begin())].push_back(matrix);
  }
}

int64_t MuonOwners::n_round() const {
  std::size_t most = 0;
  for (const std::vector<int64_t>& own : matrices_) most = std::max(most, own.size());
  return static_cast<int64_t>(most);
}

std::vector<MuonOwners::Job> MuonOwners::round(int64_t k) const {
  std::vector<Job> jobs;
  for (int64_t rank = 0; rank < std::ssize(matrices_); ++rank)
    if (k < std::ssize(matrices_of(rank)))
      jobs.push_back({rank, matrices_of(rank)[static_cast<std::size_t>(k)]});
  return jobs;
}

MuonOwners muon_owners(std::span<const FlatMatrix> matrices, int64_t n_rank) {
  std::vector<double> flops;
  std::vector<int64_t> rows;  // and FLOPs are a shape
  for (const FlatMatrix& matrix : matrices) {
    flops.push_back(newton_schulz_flops(matrix.rows, matrix.cols));
    rows.push_back(matrix.rows);
  }
  return {flops, n_rank, rows};
}

std::vector<MuonGroup> muon_groups(std::span<const FlatMatrix> matrices, const MuonOwners& owners,
                                   int64_t n_rank, int64_t group_size) {
  std::vector<MuonGroup> groups;
  for (int64_t k = 0; k < owners.n_round(); ++k) {
    int64_t size = 0;
    for (int64_t rank = 0; rank < n_rank; ++rank)
      if (const auto own = owners.matrices_of(rank); k < std::ssize(own))
        size = std::max(size, aligned_size(matrices[index(own[index(k)])]));
    if (groups.empty() || groups.back().size + size > group_size) groups.push_back({k, 0, 0});
    ++groups.back().count;
    groups.back().size += size;
  }
  return groups;
}

std::vector<MuonBatch> muon_batches(const FlatLayout& layout, int64_t n_rank, int64_t group_size) {
  const std::vector<FlatMatrix> matrices = flat_matrices(layout);
  const MuonOwners owners = muon_owners(matrices, n_rank);
  std::set<MuonBatch> batches;
  for (const MuonGroup& group : muon_groups(matrices, owners, n_rank, group_size))
    for (int64_t rank = 0; rank < n_rank; ++rank)
      add_batches(batches, matrices, owners.matrices_of(rank), group);
  return {batches.begin(), batches.end()};
}

int64_t muon_momentum_size(std::span<const FlatMatrix> matrices, const MuonOwners& owners,
                           int64_t rank) {
  int64_t size = 0;
  for (const int64_t matrix : owners.matrices_of(rank))
    size += aligned_size(matrices[index(matrix)]);
  return size;
}

int64_t muon_receive_size(const FlatLayout& layout, int64_t n_rank, int64_t group_size) {
  if (layout.n_shard == 1) return 0;
  const std::vector<FlatMatrix> matrices = flat_matrices(layout);
  int64_t size = 0;
  for (const MuonGroup& group :
       muon_groups(matrices, muon_owners(matrices, n_rank), n_rank, group_size))
    size = std::max(size, group.size);
  return size;
}

}  // namespace isoflop
