// SPDX-License-Identifier: MIT
#include "trainer/fsdp/flat_shard.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace isoflop {
namespace {

ModelShape small_shape() {
  ModelShape shape;
  shape.n_layer = 2;
  shape.d_model = 12;
  shape.n_head = shape.n_kv_head = 3;
  shape.d_head = 4;
  shape.d_ff = 20;
  shape.vocab_size = 50;
  shape.max_seq_len = 8;
  shape.norm = NormKind::layernorm;
  return shape;
}

struct Row {
  int64_t offset = 0;
  int64_t size = 0;
};

Row statistics_row(const FlatShard& shard, int64_t tensor) {
  const int64_t* const row = shard.statistics_segments().as<int64_t>() + 2 * tensor;
  return {row[0], row[1]};
}

std::vector<ParameterTensor> all_tensors(const ModelShape& shape) {
  std::vector<ParameterTensor> tensors;
  for (const ParameterUnit& unit : parameter_units(shape))
    tensors.insert(tensors.end(), unit.tensors.begin(), unit.tensors.end());
  return tensors;
}

int64_t place_of(const TensorView& part, const TensorView& whole) {
  return part.as<double>() - whole.as<double>();
}

/// Of all update groups, with places in the shard's buffers.
std::vector<UpdateSegment> rows_in_buffers(const FlatShard& shard) {
  std::vector<UpdateSegment> rows;
  for (const UpdateGroup& group : shard.update_groups())
    for (int64_t i = 0; i < group.segments.extent(0); ++i) {
      UpdateSegment& row = rows.emplace_back(update_segments(group.segments)[i]);
      EXPECT_LE(row.params + row.size, group.params.size());
      EXPECT_LE(row.grads + row.size, group.grads.size());
      EXPECT_LE(row.m + row.size, group.m.size());
      row.params += place_of(group.params, shard.params());
      row.grads += place_of(group.grads, shard.grads());
      row.m += place_of(group.m, shard.m());
      row.v += place_of(group.v, shard.v());
    }
  return rows;
}

TEST(FlatShard, early_units_are_the_first_that_two_buffers_hold_and_the_tied_embedding) {
  const Backend backend = make_reference_backend({});
  ModelShape shape = small_shape();
  for (const bool tied : {false, true}) {
    shape.tied_embeddings = tied;
    const FlatShard shard(backend, make_flat_layout(shape, 2), 0);
    EXPECT_EQ(shard.n_early_unit(), tied ? 3 : 2);
    const int64_t n = shard.n_early_unit();
    int64_t size = 0;
    for (int64_t unit = 0; unit < n; ++unit) size += shard.params_of(unit).size();
    EXPECT_LE(shard.update_groups()[0].params.size(), size);
    EXPECT_GE(place_of(shard.update_groups()[1].params, shard.params()), size);
  }
}

TEST(FlatShard, statistics_rows_are_the_models_tensors_on_every_shard) {
  const ModelShape shape = small_shape();
  const std::vector<ParameterTensor> tensors = all_tensors(shape);
  const Backend backend = make_reference_backend({});
  std::vector<int64_t> covered(tensors.size(), 0);
  bool some_shard_lacks_a_tensor = false;
  for (int64_t r = 0; r < 4; ++r) {
    const FlatShard shard(backend, make_flat_layout(shape, 4), r);
    ASSERT_EQ(shard.n_tensor(), static_cast<int64_t>(tensors.size()));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const Row row = statistics_row(shard, static_cast<int64_t>(i));
      EXPECT_LE(row.offset + row.size, shard.layout().total_shard_size);
      covered[i] += row.size;
      some_shard_lacks_a_tensor |= row.size == 0;
    }
  }
  for (std::size_t i = 0; i < tensors.size(); ++i)
    EXPECT_EQ(covered[i], tensors[i].size()) << tensors[i].name;
  EXPECT_TRUE(some_shard_lacks_a_tensor);
}

TEST(FlatShard, decays_matrices_only) {
  const ModelShape shape = small_shape();
  const Backend backend = make_reference_backend({});
  const FlatShard shard(backend, make_flat_layout(shape, 1), 0);
  const std::vector<ParameterTensor> tensors = all_tensors(shape);
  const std::vector<UpdateSegment> rows = rows_in_buffers(shard);
  ASSERT_EQ(rows.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const UpdateSegment& row = rows[i];
    EXPECT_EQ(row.tensor, static_cast<int64_t>(i));
    EXPECT_EQ(row.size, tensors[i].size());
    EXPECT_EQ(row.decayed, tensors[i].kind == ParameterKind::matrix) << tensors[i].name;
  }
}

TEST(FlatShard, starts_as_zero_even_where_new_memory_is_not) {
  const Backend backend = make_reference_backend({.mode = CpuStreamMode::deferred});
  const FlatShard shard(backend, make_flat_layout(small_shape(), 2), 1);
  backend.device->synchronize(backend.device->record(backend.device->compute_stream()));
  for (const TensorView& flat : {shard.params(), shard.grads(), shard.m(), shard.v()})
    EXPECT_TRUE(std::all_of(flat.as<double>(), flat.as<double>() + flat.size(),
                            [](double value) { return value == 0; }));
}

// Tables and parts of a rank that holds everything point to its shard of every unit.
TEST(FlatShard, lies_in_place_among_whole_parameters_and_gradients) {
  const Backend backend = make_reference_backend({});
  const FlatShard packed(backend, make_flat_layout(small_shape(), 2), 1);
  const FlatShard shard(backend, make_flat_layout(small_shape(), 2), 1, OptimizerKind::adamw,
                        {.whole_params = true, .whole_grads = true});
  EXPECT_EQ(shard.params().size(), shard.layout().total_size());
  EXPECT_EQ(shard.grads().size(), shard.layout().total_size());
  EXPECT_EQ(shard.m().size(), shard.layout().total_shard_size);
  int64_t offset = 0;
  for (int64_t unit = 0; unit < std::ssize(shard.layout().units); ++unit) {
    const int64_t size = shard.params_of(unit).size();
    EXPECT_EQ(shard.params_offset(unit), offset + size);
    EXPECT_EQ(shard.params_of(unit).data, shard.params().as<double>() + offset + size);
    EXPECT_EQ(shard.grads_of(unit).data, shard.grads().as<double>() + offset + size);
    offset += 2 * size;
  }
  for (const ShardPiece& piece : shard.pieces()) {
    const FlatUnit& unit = shard.layout().units[static_cast<std::size_t>(piece.unit)];
    EXPECT_EQ(shard.grads_offset(piece) - unit.offset,
              unit.segments[static_cast<std::size_t>(piece.segment)].offset + piece.tensor_offset);
    EXPECT_EQ(packed.grads_offset(piece), piece.shard_offset);
  }
}

TEST(FlatShard, tables_point_to_the_shard_in_each_buffer) {
  const Backend backend = make_reference_backend({});
  const FlatShard shard(backend, make_flat_layout(small_shape(), 2), 1, OptimizerKind::adamw,
                        {.whole_params = false, .whole_grads = true});
  const std::vector<UpdateSegment> rows = rows_in_buffers(shard);
  ASSERT_EQ(rows.size(), shard.pieces().size());
  for (std::size_t i = 0; i < shard.pieces().size(); ++i) {
    const ShardPiece& piece = shard.pieces()[i];
    EXPECT_EQ(rows[i].params, piece.shard_offset);
    EXPECT_EQ(rows[i].m, piece.shard_offset);
    EXPECT_EQ(rows[i].grads, shard.grads_offset(piece));
    EXPECT_EQ(statistics_row(shard, rows[i].tensor).offset, rows[i].grads);
    EXPECT_EQ(statistics_row(shard, rows[i].tensor).size, rows[i].size);
  }
}

TEST(FlatShard, unit_parts_tile_the_shard) {
  const Backend backend = make_reference_backend({});
  const FlatShard shard(backend, make_flat_layout(small_shape(), 2), 0);
  int64_t size = 0;
  for (int64_t unit = 0; unit < static_cast<int64_t>(shard.layout().units.size()); ++unit) {
    EXPECT_EQ(shard.params_of(unit).data, shard.params().as<double>() + size);
    EXPECT_EQ(shard.grads_of(unit).data, shard.grads().as<double>() + size);
    size += shard.params_of(unit).size();
  }
  EXPECT_EQ(size, shard.params().size());
}

}  // namespace
}  // namespace isoflop
