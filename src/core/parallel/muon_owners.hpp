// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_matrices.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// FLOPs of one Newton-Schulz iteration on a (rows, cols) matrix, with n the larger and m the
/// smaller side: 2 (2 n m^2 + m^3). Source: Jordan et al., "Muon: an optimizer for hidden layers in
/// neural networks", 2024, https://kellerjordan.github.io/posts/muon/, runtime analysis.
double newton_schulz_flops(int64_t rows, int64_t cols);

/// Which rank updates which matrix: the largest matrix first, each to the rank that has the least
/// to do so far (longest processing time first: at most 4/3 of the best schedule's time; Graham,
/// SIAM J. Appl. Math. 17, 1969). The same on every rank.
class MuonOwners {
 public:
  /// The work of a rank in a round.
  struct Job {
    int64_t rank = 0;
    int64_t matrix = 0;
    bool operator==(const Job&) const = default;
  };

  /// `flops` of each matrix.
  MuonOwners(std::span<const double> flops, int64_t n_rank);

  /// Largest first; empty for ranks without work.
  std::span<const int64_t> matrices_of(int64_t rank) const {
    return matrices_[static_cast<std::size_t>(rank)];
  }
  /// Round k holds the k-th matrix of every rank that has so many.
  int64_t n_round() const;
  /// In order of ranks.
  std::vector<Job> round(int64_t k) const;

 private:
  std::vector<std::vector<int64_t>> matrices_;  // by rank
};

MuonOwners muon_owners(std::span<const FlatMatrix> matrices, int64_t n_rank);

/// Elements of the momentum that `rank` keeps: each of its matrices begins aligned as in a flat
/// buffer.
int64_t muon_momentum_size(std::span<const FlatMatrix> matrices, const MuonOwners& owners,
                           int64_t rank);

/// Owners gather a matrix while they update another, unless there is one shard.
inline constexpr int64_t kMuonReceiveBuffers = 2;
/// Elements of one receive buffer: the largest matrix; 0 where none is needed.
int64_t muon_receive_size(const FlatLayout& layout);

}  // namespace isoflop
