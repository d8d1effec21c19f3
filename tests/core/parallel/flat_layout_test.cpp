// SPDX-License-Identifier: MIT
#include "core/parallel/flat_layout.hpp"

#include "core/model/param_count.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// d_model 10, 2 heads of 4, one key-value head, d_ff 20, 30 words: no tensor but ffn.out (200) and
/// the like is near a multiple of 128.
ModelShape tiny(bool tied) {
  ModelShape shape = test::llama({1, 10, 2, 1, 20, 30, 8});
  shape.d_head = 4;
  shape.tied_embeddings = tied;
  return shape;
}

// Block by hand: norm1 10 -> 128; qkv 16 x 10 = 160 -> 256; out 10 x 8 = 80 -> 128; norm2 10 ->
// 128; in 40 x 10 = 400 -> 512; out 10 x 20 = 200 -> 256.
TEST(FlatLayout, tensors_start_on_multiples_of_128_elements) {
  const FlatLayout layout = make_flat_layout(tiny(false), 1);
  const FlatUnit& block = layout.units[1];
  ASSERT_EQ(block.segments.size(), 6u);
  const int64_t offsets[] = {0, 128, 384, 512, 640, 1152};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(block.segments[i].offset, offsets[i]) << i;
  EXPECT_EQ(block.size, 1408);
}

// Embedding 300 -> 384, block 1408, head: norm 128 + output 384 = 512. Units are padded to
// multiples of 3 x 128 = 384: 384, 1536, 768.
TEST(FlatLayout, units_are_padded_so_that_shards_are_equal_and_aligned) {
  const FlatLayout layout = make_flat_layout(tiny(false), 3);
  ASSERT_EQ(layout.units.size(), 3u);
  EXPECT_EQ(layout.units[0].size, 384);
  EXPECT_EQ(layout.units[1].size, 1536);
  EXPECT_EQ(layout.units[2].size, 768);
  EXPECT_EQ(layout.units[0].shard_offset, 0);
  EXPECT_EQ(layout.units[1].shard_offset, 128);
  EXPECT_EQ(layout.units[2].shard_offset, 128 + 512);
  EXPECT_EQ(layout.total_shard_size, 128 + 512 + 256);
  EXPECT_EQ(layout.max_unit_size, 1536);
}

TEST(FlatLayout, tied_embedding_is_resident_and_the_others_take_turns) {
  ModelShape shape = tiny(true);
  shape.vocab_size = 3000;  // embedding 30000 -> 30080, the largest unit
  const FlatLayout tied = make_flat_layout(shape, 1);
  EXPECT_EQ(tied.max_unit_size, 30080);
  EXPECT_EQ(tied.max_streamed_size, 1408);
  EXPECT_EQ(tied.resident_size, 30080);
  shape.tied_embeddings = false;
  const FlatLayout untied = make_flat_layout(shape, 1);
  EXPECT_EQ(untied.max_streamed_size, 128 + 30080);  // the head, norm and output matrix
  EXPECT_EQ(untied.resident_size, 0);
}

std::vector<std::string> names(const FlatLayout& layout) {
  std::vector<std::string> result;
  for (const FlatUnit& unit : layout.units) result.push_back(unit.name);
  return result;
}

// Parameters: embedding 300, blocks 10 + 160 + 80 + 10 + 400 + 200 = 860, head 310 (10 when tied).
ModelShape three_blocks(bool tied) {
  ModelShape shape = tiny(tied);
  shape.n_layer = 3;
  return shape;
}

TEST(FlatLayout, merges_units_until_they_are_large_enough) {
  using Names = std::vector<std::string>;
  const ModelShape shape = three_blocks(false);
  EXPECT_EQ(names(make_flat_layout(shape, 1, 300)),
            (Names{"embedding", "block.0", "block.1", "block.2", "head"}));
  EXPECT_EQ(names(make_flat_layout(shape, 1, 500)),
            (Names{"embedding to block.0", "block.1", "block.2 to head"}));
  EXPECT_EQ(names(make_flat_layout(shape, 1, 1100)),
            (Names{"embedding to block.0", "block.1 to head"}));
  EXPECT_EQ(names(make_flat_layout(shape, 1, 1'000'000)), (Names{"embedding to head"}));
}

TEST(FlatLayout, never_merges_a_tied_embedding) {
  using Names = std::vector<std::string>;
  const ModelShape shape = three_blocks(true);
  EXPECT_EQ(names(make_flat_layout(shape, 1, 1'000'000)), (Names{"embedding", "block.0 to head"}));
  EXPECT_EQ(names(make_flat_layout(shape, 1, 500)),
            (Names{"embedding", "block.0", "block.1", "block.2 to head"}));
}

TEST(FlatLayout, knows_where_units_of_the_model_lie_in_merged_ones) {
  const FlatLayout plain = make_flat_layout(three_blocks(false), 4);
  const FlatLayout merged = make_flat_layout(three_blocks(false), 4, 500);
  ASSERT_EQ(merged.model_units.size(), plain.units.size());
  for (std::size_t u = 0; u < plain.units.size(); ++u) {
    const ModelUnit& unit = merged.model_units[u];
    EXPECT_EQ(unit.name, plain.units[u].name);
    ASSERT_EQ(unit.n_segment, std::ssize(plain.units[u].segments));
    for (int64_t s = 0; s < unit.n_segment; ++s)
      EXPECT_EQ(merged.unit_of(unit)
                    .segments[static_cast<std::size_t>(unit.first_segment + s)]
                    .tensor.name,
                plain.units[u].segments[static_cast<std::size_t>(s)].tensor.name);
  }
  EXPECT_EQ(merged.units[0].n_model_unit, 2);
  EXPECT_EQ(merged.units[1].n_model_unit, 1);
}

TEST(FlatLayout, units_tile_a_buffer_of_the_whole_model) {
  const FlatLayout layout = make_flat_layout(three_blocks(false), 4, 500);
  int64_t offset = 0;
  for (const FlatUnit& unit : layout.units) {
    EXPECT_EQ(unit.offset, offset);
    offset += unit.size;
  }
  EXPECT_EQ(layout.total_size(), offset);
}

// Block over 3 shards of 512: shard 0 ends inside nothing (norm1, qkv, out fill [0, 464)); shard 1
// holds norm2 and the first 384 elements of ffn.in; shard 2 its last 16 and ffn.out.
TEST(ShardPieces, of_a_block_over_three_shards_by_hand) {
  const FlatLayout layout = make_flat_layout(tiny(false), 3);
  std::vector<ShardPiece> block;
  for (const ShardPiece& piece : shard_pieces(layout, 2))
    if (piece.unit == 1) block.push_back(piece);
  ASSERT_EQ(block.size(), 2u);
  EXPECT_EQ(block[0].segment, 4);
  EXPECT_EQ(block[0].tensor_offset, 384);
  EXPECT_EQ(block[0].size, 16);
  EXPECT_EQ(block[0].shard_offset, 128);
  EXPECT_EQ(block[1].segment, 5);
  EXPECT_EQ(block[1].tensor_offset, 0);
  EXPECT_EQ(block[1].size, 200);
  EXPECT_EQ(block[1].shard_offset, 128 + 128);
}

class ShardPiecesOver : public testing::TestWithParam<int64_t> {};

/// Visits per element of every tensor, summed over the pieces of all shards.
std::vector<std::vector<std::vector<int>>> count_visits(const FlatLayout& layout) {
  std::vector<std::vector<std::vector<int>>> visits;
  for (const FlatUnit& unit : layout.units) {
    auto& tensors = visits.emplace_back();
    for (const FlatSegment& segment : unit.segments)
      tensors.emplace_back(static_cast<std::size_t>(segment.tensor.size()), 0);
  }
  for (int64_t shard = 0; shard < layout.n_shard; ++shard) {
    for (const ShardPiece& piece : shard_pieces(layout, shard)) {
      auto& tensor = visits.at(static_cast<std::size_t>(piece.unit))
                         .at(static_cast<std::size_t>(piece.segment));
      for (int64_t i = 0; i < piece.size; ++i)
        ++tensor.at(static_cast<std::size_t>(piece.tensor_offset + i));
    }
  }
  return visits;
}

TEST_P(ShardPiecesOver, cover_every_element_once) {
  for (const bool tied : {false, true}) {
    for (const auto& unit : count_visits(make_flat_layout(tiny(tied), GetParam())))
      for (const auto& tensor : unit)
        for (const int visits : tensor) ASSERT_EQ(visits, 1);
  }
}

TEST_P(ShardPiecesOver, lie_in_order_without_overlap_inside_the_shard) {
  const FlatLayout layout = make_flat_layout(test::gpt2(2, 96, 6), GetParam());
  for (int64_t shard = 0; shard < layout.n_shard; ++shard) {
    int64_t end = 0;
    for (const ShardPiece& piece : shard_pieces(layout, shard)) {
      EXPECT_GE(piece.shard_offset, end);
      end = piece.shard_offset + piece.size;
    }
    EXPECT_LE(end, layout.total_shard_size);
  }
}

// A piece's place in the unit's flat buffer: shard x shard_size + its place in the shard.
TEST_P(ShardPiecesOver, stand_where_the_flat_buffer_has_them) {
  const FlatLayout layout = make_flat_layout(test::gpt2(2, 96, 6), GetParam());
  for (int64_t shard = 0; shard < layout.n_shard; ++shard) {
    for (const ShardPiece& piece : shard_pieces(layout, shard)) {
      const FlatUnit& unit = layout.units[static_cast<std::size_t>(piece.unit)];
      const int64_t in_shard = piece.shard_offset - unit.shard_offset;
      EXPECT_LT(in_shard, unit.shard_size(layout.n_shard));
      EXPECT_EQ(
          shard * unit.shard_size(layout.n_shard) + in_shard,
          unit.segments[static_cast<std::size_t>(piece.segment)].offset + piece.tensor_offset);
    }
  }
}

TEST_P(ShardPiecesOver, sum_to_the_parameter_count) {
  const ModelShape shape = test::gpt2_124m();
  const FlatLayout layout = make_flat_layout(shape, GetParam());
  int64_t sum = 0;
  for (int64_t shard = 0; shard < layout.n_shard; ++shard)
    for (const ShardPiece& piece : shard_pieces(layout, shard)) sum += piece.size;
  EXPECT_EQ(sum, count_params(shape).total());
}

INSTANTIATE_TEST_SUITE_P(Shards, ShardPiecesOver, testing::Values(1, 2, 3, 4, 8));

}  // namespace
}  // namespace isoflop
