// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_matrices.hpp"

#include <compare>
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

  /// `flops` of each matrix; those of equal FLOPs are taken in the order of their kinds.
  MuonOwners(std::span<const double> flops, int64_t n_rank, std::span<const int64_t> kinds = {});

  /// Those with most FLOPs first; empty for ranks without work.
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

/// Matrices of one shape follow each other in MuonOwners::matrices_of().
MuonOwners muon_owners(std::span<const FlatMatrix> matrices, int64_t n_rank);

/// Rounds whose matrices are gathered, updated and given back together: [first, first + count).
struct MuonGroup {
  int64_t first = 0;
  int64_t count = 0;
  int64_t size = 0;  ///< elements of its rounds' largest matrices, each aligned

  bool operator==(const MuonGroup&) const = default;
};
/// What a group has at most, of more than one round: on GPUs enough matrices to fill one (seven of
/// 768 x 3072), though a single one may be larger; CPUs take matrices one by one.
inline constexpr int64_t kGpuMuonGroupSize = int64_t{1} << 24;
inline constexpr int64_t kCpuMuonGroupSize = 1;
/// In order of rounds; the same on every rank.
std::vector<MuonGroup> muon_groups(std::span<const FlatMatrix> matrices, const MuonOwners& owners,
                                   int64_t n_rank, int64_t group_size);

/// Matrices of one shape that their owner updates together.
struct MuonBatch {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t count = 0;

  auto operator<=>(const MuonBatch&) const = default;
};
/// Of all ranks, each once: within a group those of one shape that a rank owns.
std::vector<MuonBatch> muon_batches(const FlatLayout& layout, int64_t n_rank, int64_t group_size);

/// Elements of the momentum that `rank` keeps: each of its matrices begins aligned as in a flat
/// buffer.
int64_t muon_momentum_size(std::span<const FlatMatrix> matrices, const MuonOwners& owners,
                           int64_t rank);

/// Owners gather a group while they update another, unless there is one shard.
inline constexpr int64_t kMuonReceiveBuffers = 2;
/// Elements of one receive buffer: the largest group; 0 where none is needed.
int64_t muon_receive_size(const FlatLayout& layout, int64_t n_rank, int64_t group_size);

}  // namespace isoflop
