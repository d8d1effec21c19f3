// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/parameter_list.hpp"
#include "core/parallel/layout.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Every tensor and every shard starts on a multiple of this many elements: 256 bytes in 2-byte
/// types, 512 in fp32, the same offsets in both.
inline constexpr int64_t kFlatAlignment = 128;

/// Where one parameter tensor lies in its unit's flat buffer.
struct FlatSegment {
  ParameterTensor tensor;
  int64_t offset = 0;  ///< elements from the start of the unit
};

/// One flat buffer, of a unit of the model or of several small ones that follow each other:
/// segments with zero padding between them, padded at the end so that it divides into n_shard
/// shards.
struct FlatUnit {
  std::string name;
  std::vector<FlatSegment> segments;
  int64_t n_model_unit = 1;
  int64_t size = 0;          ///< elements, padding included
  int64_t offset = 0;        ///< where this unit starts in a buffer of the whole model
  int64_t shard_offset = 0;  ///< where this unit's shard starts in a rank's sharded buffer
  int64_t shard_size(int64_t n_shard) const { return size / n_shard; }
};

/// Where a unit of the model lies: segments [first_segment, first_segment + n_segment) of a flat
/// unit.
struct ModelUnit {
  std::string name;
  int64_t flat_unit = 0;
  int64_t first_segment = 0;
  int64_t n_segment = 0;
};

/// The parameters of a model as flat units over n_shard shards. Shard r of a unit is elements [r, r
/// + 1) x size / n_shard.
struct FlatLayout {
  std::vector<FlatUnit> units;         ///< forward order
  std::vector<ModelUnit> model_units;  ///< as parameter_units()
  int64_t n_shard = 1;
  int64_t total_shard_size = 0;  ///< elements one rank holds: sum of the units' shards
  int64_t max_unit_size = 0;     ///< elements of the largest unit
  /// Elements of the largest unit that takes turns in two buffers, of gathered parameters or of
  /// gradients: all units, except the embedding when it is tied, which the head needs too and which
  /// stays in a buffer of its own.
  int64_t max_streamed_size = 0;
  int64_t resident_size = 0;  ///< elements of the tied embedding unit; 0 when untied

  int64_t total_size() const { return total_shard_size * n_shard; }
  /// The tied embedding, which stays in a buffer of its own.
  bool is_resident(int64_t unit) const { return unit == 0 && resident_size > 0; }
  const FlatUnit& unit_of(const ModelUnit& model_unit) const {
    return units[static_cast<std::size_t>(model_unit.flat_unit)];
  }
  const ModelUnit& model_unit(int64_t unit) const {
    return model_units[static_cast<std::size_t>(unit)];
  }
};

/// A piece of a tensor that one rank's shard holds.
struct ShardPiece {
  int64_t unit = 0;  ///< in FlatLayout::units
  int64_t segment = 0;
  int64_t shard_offset = 0;   ///< elements from the start of the rank's sharded buffer
  int64_t tensor_offset = 0;  ///< elements from the start of the tensor
  int64_t size = 0;
  int64_t tensor = 0;  ///< its number among all of the model, units in order
};

/// Units of the model that follow each other share a flat unit until it has min_unit_params
/// parameters; a rest that stays smaller joins the one before. The tied embedding stays alone.
FlatLayout make_flat_layout(const ModelShape& shape, int64_t n_shard, int64_t min_unit_params = 0);
FlatLayout make_flat_layout(const ModelShape& shape, const Layout& layout);

/// The pieces shard `shard` holds, in order of shard_offset; padding belongs to no piece. The union
/// over shards covers every tensor element once. Drives weight decay groups, statistics,
/// checkpoints and resharding.
std::vector<ShardPiece> shard_pieces(const FlatLayout& layout, int64_t shard);

/// The tensor that a piece is of.
const ParameterTensor& tensor_of(const FlatLayout& layout, const ShardPiece& piece);

/// What one shard holds of a range of a flat unit's elements.
struct RangePiece {
  int64_t shard_offset = 0;  ///< elements from the start of the unit's shard
  int64_t range_offset = 0;  ///< elements from the start of the range
  int64_t size = 0;
  bool operator==(const RangePiece&) const = default;
};

/// Of elements [offset, offset + size); absent when the shard holds none of them.
std::optional<RangePiece> piece_of_range(const FlatUnit& unit, int64_t n_shard, int64_t shard,
                                         int64_t offset, int64_t size);

}  // namespace isoflop
