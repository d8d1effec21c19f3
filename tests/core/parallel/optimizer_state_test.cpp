// SPDX-License-Identifier: MIT
#include "core/parallel/optimizer_state.hpp"

#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

/// One layer, d_model 10, 2 heads of 4, one key-value head, d_ff 20, 30 words: the embedding takes
/// 384 elements; the block norm 128, qkv (160) 256, out (80) 128, norm 128, in (400) 512, out (200)
/// 256; the head norm 128, output (300) 384.
ModelShape tiny() {
  ModelShape shape = test::llama({1, 10, 2, 1, 20, 30, 8});
  shape.d_head = 4;
  return shape;
}

struct Row {
  int64_t shard_offset, size, moment_offset;
  bool decayed;
  int64_t tensor;
  bool operator==(const Row&) const = default;
};

std::vector<Row> rows_of(const OptimizerState& state) {
  std::vector<Row> rows;
  for (const auto& [piece, decayed, moment_offset] : state.adamw)
    rows.push_back({piece.shard_offset, piece.size, moment_offset, decayed, piece.tensor});
  return rows;
}

TEST(OptimizerState, moments_of_adamw_lie_as_the_parameters_do) {
  const FlatLayout layout = make_flat_layout(tiny(), 1);
  const OptimizerState state = optimizer_state(layout, 0, OptimizerKind::adamw);
  EXPECT_EQ(state.moment_size, layout.total_shard_size);
  ASSERT_EQ(state.adamw.size(), 9U);
  for (const AdamWPiece& of_adamw : state.adamw)
    EXPECT_EQ(of_adamw.moment_offset, of_adamw.piece.shard_offset);
}

TEST(OptimizerState, under_muon_only_embedding_norms_and_output_have_moments) {
  const OptimizerState state = optimizer_state(make_flat_layout(tiny(), 1), 0, OptimizerKind::muon);
  EXPECT_EQ(rows_of(state), (std::vector<Row>{{0, 300, 0, false, 0},
                                              {384, 10, 384, false, 1},
                                              {384 + 512, 10, 512, false, 4},
                                              {1792, 10, 640, false, 7},
                                              {1792 + 128, 300, 768, true, 8}}));
  EXPECT_EQ(state.moment_size, 384 + 2 * 128 + 128 + 384);
}

// Units of 512, 1536 and 512 elements in two shards. The second one holds elements 256 to 299 of
// the embedding; of the block, 272 of in (384 with padding) and out (256); elements 128 to 299 of
// the output.
TEST(OptimizerState, moments_of_a_shard_leave_out_its_own_hidden_elements) {
  const OptimizerState state = optimizer_state(make_flat_layout(tiny(), 2), 1, OptimizerKind::muon);
  EXPECT_EQ(rows_of(state),
            (std::vector<Row>{{0, 44, 0, false, 0}, {256 + 768, 172, 256 + 128, true, 8}}));
  EXPECT_EQ(state.moment_size, 1280 - 384 - 256);
}

struct Piece {
  int64_t shard_offset, size, tensor;
  bool operator==(const Piece&) const = default;
};

// Tensors 1 to 6 are the block's: norm, qkv, out, norm, in, out.
TEST(OptimizerState, under_muon_every_hidden_piece_waits_for_its_update) {
  std::vector<Piece> pieces;
  const FlatLayout layout = make_flat_layout(tiny(), 2);
  for (const ShardPiece& piece : optimizer_state(layout, 1, OptimizerKind::muon).muon)
    pieces.push_back({piece.shard_offset, piece.size, piece.tensor});
  EXPECT_EQ(pieces, (std::vector<Piece>{{256, 272, 5}, {256 + 384, 200, 6}}));
  EXPECT_TRUE(optimizer_state(layout, 1, OptimizerKind::adamw).muon.empty());
}

TEST(OptimizerState, of_adamw_is_the_same_on_every_rank) {
  const FlatLayout layout = make_flat_layout(tiny(), 2);
  const OptimizerSize size = largest_optimizer_state(layout, 4, OptimizerKind::adamw);
  EXPECT_EQ(size.moments, 1280);
  EXPECT_EQ(size.momentum, 0);
}

// The first shard has moments of 256 elements of the embedding, two norms and 256 of the head, the
// second of 640 in all. Gate, up and down (200 elements, 256 with padding) take most FLOPs and go
// to ranks 0 to 2; rank 3 has the other four matrices, 4 x 128, but is of the second shard.
TEST(OptimizerState, largest_under_muon_counts_the_shards_moments_and_the_owners_momentum) {
  const FlatLayout layout = make_flat_layout(tiny(), 2);
  const OptimizerSize size = largest_optimizer_state(layout, 4, OptimizerKind::muon);
  EXPECT_EQ(size.moments, 256 + 256 + 256);
  EXPECT_EQ(size.momentum, 256);
}

}  // namespace
}  // namespace isoflop
