// SPDX-License-Identifier: MIT
#include "core/parallel/muon_owners.hpp"

#include "support/published_shapes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Job = MuonOwners::Job;

// Jordan et al. 2024: 2 (2 n m^2 + m^3) an iteration, n >= m.
TEST(MuonOwners, flops_are_those_of_three_products_on_the_smaller_side) {
  EXPECT_EQ(newton_schulz_flops(2, 3), 2 * (2 * 3 * 4 + 8));
  EXPECT_EQ(newton_schulz_flops(3, 2), newton_schulz_flops(2, 3));
  EXPECT_EQ(newton_schulz_flops(768, 768), 6.0 * 768 * 768 * 768);
}

// Graham's example for three machines, 5 5 4 4 3 3 3: 11 where 9 is possible.
TEST(MuonOwners, the_largest_goes_to_who_has_least_to_do) {
  const std::vector<double> flops = {3, 5, 4, 3, 5, 4, 3};
  const MuonOwners owners(flops, 3);
  EXPECT_THAT(owners.matrices_of(0), ElementsAre(1, 0, 6));
  EXPECT_THAT(owners.matrices_of(1), ElementsAre(4, 3));
  EXPECT_THAT(owners.matrices_of(2), ElementsAre(2, 5));
}

TEST(MuonOwners, a_round_holds_the_next_matrix_of_every_rank_that_has_one) {
  const std::vector<double> flops = {1, 2, 9, 3};
  const MuonOwners owners(flops, 2);
  EXPECT_EQ(owners.n_round(), 3);
  EXPECT_THAT(owners.round(0), ElementsAre(Job{0, 2}, Job{1, 3}));
  EXPECT_THAT(owners.round(1), ElementsAre(Job{1, 1}));
  EXPECT_THAT(owners.round(2), ElementsAre(Job{1, 0}));
}

TEST(MuonOwners, with_more_ranks_than_matrices_some_have_none) {
  const std::vector<double> flops = {1, 1};
  const MuonOwners owners(flops, 4);
  EXPECT_EQ(owners.n_round(), 1);
  EXPECT_THAT(owners.round(0), ElementsAre(Job{0, 0}, Job{1, 1}));
  EXPECT_THAT(owners.matrices_of(3), IsEmpty());
}

TEST(MuonOwners, without_matrices_there_is_no_round) { EXPECT_EQ(MuonOwners({}, 2).n_round(), 0); }

/// FLOPs of each rank.
std::vector<double> loads(const MuonOwners& owners, std::span<const FlatMatrix> matrices,
                          int64_t n_rank) {
  std::vector<double> result;
  for (int64_t rank = 0; rank < n_rank; ++rank) {
    double load = 0;
    for (const int64_t matrix : owners.matrices_of(rank)) {
      const FlatMatrix& m = matrices[static_cast<std::size_t>(matrix)];
      load += newton_schulz_flops(m.rows, m.cols);
    }
    result.push_back(load);
  }
  return result;
}

const int64_t kWorlds[] = {1, 2, 3, 4, 8, 24, 64, 1024};

TEST(MuonOwners, every_matrix_has_one_owner) {
  const std::vector<FlatMatrix> matrices = flat_matrices(make_flat_layout(test::gpt2_124m(), 1));
  for (const int64_t n_rank : kWorlds) {
    const MuonOwners owners = muon_owners(matrices, n_rank);
    std::vector<int64_t> owned;
    for (int64_t k = 0; k < owners.n_round(); ++k)
      for (const Job& job : owners.round(k)) owned.push_back(job.matrix);
    std::sort(owned.begin(), owned.end());
    std::vector<int64_t> all(matrices.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(owned, all) << n_rank;
  }
}

// The best schedule takes at least the mean and at least the largest matrix.
TEST(MuonOwners, no_rank_has_more_than_4_3_of_the_best_schedules_load) {
  for (const ModelShape& shape : {test::gpt2_124m(), test::llama3_8b()}) {
    const std::vector<FlatMatrix> matrices = flat_matrices(make_flat_layout(shape, 1));
    const std::vector<double> single = loads(muon_owners(matrices, 1), matrices, 1);
    double largest = 0;
    for (const FlatMatrix& matrix : matrices)
      largest = std::max(largest, newton_schulz_flops(matrix.rows, matrix.cols));
    for (const int64_t n_rank : kWorlds) {
      const std::vector<double> load = loads(muon_owners(matrices, n_rank), matrices, n_rank);
      const double best = std::max(largest, single.front() / static_cast<double>(n_rank));
      EXPECT_LE(*std::max_element(load.begin(), load.end()), 4.0 / 3.0 * best) << n_rank;
    }
  }
}

// GPT-2 on eight ranks: 48 square matrices of 6 and 24 of 18 units; 90 each, no more and no less.
TEST(MuonOwners, gpt2_divides_evenly_by_eight) {
  const std::vector<FlatMatrix> matrices = flat_matrices(make_flat_layout(test::gpt2_124m(), 1));
  for (const double load : loads(muon_owners(matrices, 8), matrices, 8))
    EXPECT_EQ(load, 90.0 * 768 * 768 * 768);
}

TEST(MuonOwners, momentum_counts_own_matrices_aligned) {
  const std::vector<FlatMatrix> matrices = {{0, 0, 10, 10}, {0, 128, 20, 20}, {0, 640, 10, 10}};
  const MuonOwners owners = muon_owners(matrices, 2);
  EXPECT_EQ(muon_momentum_size(matrices, owners, 0), 512);
  EXPECT_EQ(muon_momentum_size(matrices, owners, 1), 2 * 128);
}

// GPT-2 on one rank: 12 matrices of 768 x 3072 (up), 12 of 3072 x 768 (down), then 48 square ones,
// and 2^24 elements hold 7 of the former or 28 of the latter.
TEST(MuonGroups, are_of_as_many_rounds_as_the_size_allows) {
  const std::vector<FlatMatrix> matrices = flat_matrices(make_flat_layout(test::gpt2_124m(), 1));
  const MuonOwners owners = muon_owners(matrices, 1);
  constexpr int64_t kLarge = 768 * 3072, kSquare = 768 * 768;
  EXPECT_THAT(
      muon_groups(matrices, owners, 1, int64_t{1} << 24),
      ElementsAre(MuonGroup{0, 7, 7 * kLarge}, MuonGroup{7, 7, 7 * kLarge},
                  MuonGroup{14, 7, 7 * kLarge}, MuonGroup{21, 3 + 16, 3 * kLarge + 16 * kSquare},
                  MuonGroup{40, 28, 28 * kSquare}, MuonGroup{68, 4, 4 * kSquare}));
}

// 8 ranks: 9 rounds, in which some have a square matrix and others a large one.
TEST(MuonGroups, a_round_takes_the_room_of_its_largest_matrix) {
  const std::vector<FlatMatrix> matrices = flat_matrices(make_flat_layout(test::gpt2_124m(), 1));
  const MuonOwners owners = muon_owners(matrices, 8);
  int64_t n_round = 0;
  for (const MuonGroup& group : muon_groups(matrices, owners, 8, int64_t{1} << 24)) {
    EXPECT_EQ(group.first, n_round);
    EXPECT_LE(group.size, int64_t{1} << 24);
    n_round += group.count;
    for (int64_t rank = 0; rank < 8; ++rank) {
      int64_t own = 0;
      for (int64_t k = group.first; k < group.first + group.count; ++k)
        if (k < std::ssize(owners.matrices_of(rank)))
          own += matrices[static_cast<std::size_t>(
                              owners.matrices_of(rank)[static_cast<std::size_t>(k)])]
                     .size();
      EXPECT_LE(own, group.size);
    }
  }
  EXPECT_EQ(n_round, owners.n_round());
}

TEST(MuonGroups, a_matrix_larger_than_the_size_is_alone) {
  const std::vector<FlatMatrix> matrices = {{0, 0, 20, 20}, {0, 512, 20, 20}, {0, 1024, 4, 4}};
  EXPECT_THAT(muon_groups(matrices, muon_owners(matrices, 1), 1, 300),
              ElementsAre(MuonGroup{0, 1, 512}, MuonGroup{1, 1, 512}, MuonGroup{2, 1, 128}));
}

TEST(MuonBatches, are_the_matrices_of_one_shape_in_a_group) {
  const FlatLayout layout = make_flat_layout(test::gpt2_124m(), 1);
  EXPECT_THAT(muon_batches(layout, 1, int64_t{1} << 24),
              ElementsAre(MuonBatch{768, 768, 4}, MuonBatch{768, 768, 16}, MuonBatch{768, 768, 28},
                          MuonBatch{768, 3072, 5}, MuonBatch{768, 3072, 7}, MuonBatch{3072, 768, 2},
                          MuonBatch{3072, 768, 3}, MuonBatch{3072, 768, 7}));
  EXPECT_THAT(
      muon_batches(layout, 1, kCpuMuonGroupSize),
      ElementsAre(MuonBatch{768, 768, 1}, MuonBatch{768, 3072, 1}, MuonBatch{3072, 768, 1}));
}

TEST(MuonOwners, the_largest_group_is_received_only_where_shards_hold_pieces) {
  const FlatLayout on_four = make_flat_layout(test::gpt2_124m(), 4);
  EXPECT_EQ(muon_receive_size(make_flat_layout(test::gpt2_124m(), 1), 4, kGpuMuonGroupSize), 0);
  EXPECT_EQ(muon_receive_size(on_four, 4, kCpuMuonGroupSize), 768 * 3072);
  // 6 large ones a rank; then 12 square ones would still be too many beside them.
  EXPECT_EQ(muon_receive_size(on_four, 4, kGpuMuonGroupSize), 6 * 768 * 3072 + 4 * 768 * 768);
}

}  // namespace
}  // namespace isoflop
