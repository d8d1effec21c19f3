// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/parameter_list.hpp"

#include <cstdint>
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

/// One unit's flat buffer: segments with zero padding between them, padded at the end so that it
/// divides into n_shard shards.
struct FlatUnit {
  std::string name;
  std::vector<FlatSegment> segments;
  int64_t size = 0;          ///< elements, padding included
  int64_t shard_offset = 0;  ///< where this unit's shard starts in a rank's sharded buffer
  int64_t shard_size(int64_t n_shard) const { return size / n_shard; }
};

/// The parameters of a model as flat units over n_shard shards. Shard r of a unit is elements [r, r
/// + 1) x size / n_shard.
struct FlatLayout {
  std::vector<FlatUnit> units;  ///< forward order, as parameter_units()
  int64_t n_shard = 1;
  int64_t total_shard_size = 0;  ///< elements one rank holds: sum of the units' shards
  int64_t max_unit_size = 0;     ///< elements of the largest unit
  /// Elements of the largest unit that takes turns in fsdp's two gather buffers: all units, except
  /// the embedding when it is tied, which the head needs too and which stays in a buffer of its
  /// own.
  int64_t max_streamed_size = 0;
  int64_t resident_size = 0;  ///< elements of the tied embedding unit; 0 when untied
};

/// A piece of a tensor that one rank's shard holds.
struct ShardPiece {
  int64_t unit = 0;
  int64_t segment = 0;
  int64_t shard_offset = 0;   ///< elements from the start of the rank's sharded buffer
  int64_t tensor_offset = 0;  ///< elements from the start of the tensor
  int64_t size = 0;
};

FlatLayout make_flat_layout(const ModelShape& shape, int64_t n_shard);

/// The pieces shard `shard` holds, in order of shard_offset; padding belongs to no piece. The union
/// over shards covers every tensor element once. Drives weight decay groups, statistics,
/// checkpoints and resharding.
std::vector<ShardPiece> shard_pieces(const FlatLayout& layout, int64_t shard);

}  // namespace isoflop
