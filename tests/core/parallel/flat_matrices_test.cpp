// SPDX-License-Identifier: MIT
#include "core/parallel/flat_matrices.hpp"

#include "core/model/muon_matrices.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// One layer, d_model 10, 2 heads of 4, one key-value head, d_ff 20. The block: norm at 0, qkv (16
/// x 10) at 128, out (10 x 8) at 384, norm at 512, gate and up (40 x 10) at 640, down (10 x 20) at
/// 1152; 1408 elements.
ModelShape tiny() {
  ModelShape shape = test::llama({1, 10, 2, 1, 20, 30, 8});
  shape.d_head = 4;
  return shape;
}

TEST(FlatMatrices, lie_behind_each_other_in_their_tensor) {
  EXPECT_EQ(flat_matrices(make_flat_layout(tiny(), 1)),
            (std::vector<FlatMatrix>{{1, 128, 8, 10},
                                     {1, 128 + 80, 4, 10},
                                     {1, 128 + 120, 4, 10},
                                     {1, 384, 10, 8},
                                     {1, 640, 20, 10},
                                     {1, 640 + 200, 20, 10},
                                     {1, 1152, 10, 20}}));
}

TEST(FlatMatrices, are_the_models_in_the_same_order) {
  const ModelShape shape = test::llama3_8b();
  const std::vector<MuonMatrix> expected = muon_matrices(shape);
  const std::vector<FlatMatrix> matrices = flat_matrices(make_flat_layout(shape, 8));
  ASSERT_EQ(matrices.size(), expected.size());
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    EXPECT_EQ(matrices[i].rows, expected[i].rows);
    EXPECT_EQ(matrices[i].cols, expected[i].cols);
  }
}

// In two shards the block has 1536 elements: the first shard ends after 768, within the gate.
TEST(FlatMatrices, a_matrix_across_a_border_of_shards_is_in_pieces) {
  const FlatLayout layout = make_flat_layout(tiny(), 2);
  const FlatMatrix gate{1, 640, 20, 10};
  EXPECT_EQ(piece_of(layout, gate, 0), (RangePiece{640, 0, 128}));
  EXPECT_EQ(piece_of(layout, gate, 1), (RangePiece{0, 128, 72}));
}

TEST(FlatMatrices, a_shard_without_any_of_it_has_no_piece) {
  const FlatLayout layout = make_flat_layout(tiny(), 2);
  const FlatMatrix down{1, 1152, 10, 20};
  EXPECT_EQ(piece_of(layout, down, 0), std::nullopt);
  EXPECT_EQ(piece_of(layout, down, 1), (RangePiece{1152 - 768, 0, 200}));
}

TEST(FlatMatrices, pieces_of_all_shards_make_up_the_matrix) {
  for (const int64_t n_shard : {1, 2, 3, 5, 64}) {
    const FlatLayout layout = make_flat_layout(tiny(), n_shard);
    for (const FlatMatrix& matrix : flat_matrices(layout)) {
      int64_t covered = 0;
      for (int64_t shard = 0; shard < n_shard; ++shard) {
        const std::optional<RangePiece> piece = piece_of(layout, matrix, shard);
        if (!piece) continue;
        EXPECT_EQ(piece->range_offset, covered);
        covered += piece->size;
      }
      EXPECT_EQ(covered, matrix.size()) << n_shard;
    }
  }
}

}  // namespace
}  // namespace isoflop
