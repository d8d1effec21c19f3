// SPDX-License-Identifier: MIT
#include "core/parallel/muon_owners.hpp"

#include "core/base/check.hpp"
#include "core/base/round_up.hpp"

#include <algorithm>
#include <numeric>

namespace isoflop {
namespace {

/// Of equal ones the first comes first.
std::vector<int64_t> largest_first(std::span<const double> flops) {
  std::vector<int64_t> order(flops.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return flops[static_cast<std::size_t>(a)] > flops[static_cast<std::size_t>(b)];
  });
  return order;
}

}  // namespace

double newton_schulz_flops(int64_t rows, int64_t cols) {
  const auto n = static_cast<double>(std::max(rows, cols));
  const auto m = static_cast<double>(std::min(rows, cols));
  return 2 * (2 * n * m * m + m * m * m);
}

MuonOwners::MuonOwners(std::span<const double> flops, int64_t n_rank)
    : matrices_(static_cast<std::size_t>(n_rank)) {
  ISOFLOP_CHECK(n_rank >= 1);
  std::vector<double> load(matrices_.size());
  for (const int64_t matrix : largest_first(flops)) {
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
  for (const FlatMatrix& matrix : matrices)
    flops.push_back(newton_schulz_flops(matrix.rows, matrix.cols));
  return {flops, n_rank};
}

int64_t muon_momentum_size(std::span<const FlatMatrix> matrices, const MuonOwners& owners,
                           int64_t rank) {
  int64_t size = 0;
  for (const int64_t matrix : owners.matrices_of(rank))
    size += round_up(matrices[static_cast<std::size_t>(matrix)].size(), kFlatAlignment);
  return size;
}

int64_t muon_receive_size(const FlatLayout& layout) {
  if (layout.n_shard == 1) return 0;
  int64_t size = 0;
  for (const FlatMatrix& matrix : flat_matrices(layout)) size = std::max(size, matrix.size());
  return size;
}

}  // namespace isoflop
