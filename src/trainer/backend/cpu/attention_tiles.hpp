// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/attention_layout.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace isoflop::attention {

/// Queries and keys are taken in tiles of this many positions.
inline constexpr int64_t kTile = 64;
/// A packed tile is kTile x kMaxHead floats on the stack: 128 KiB.
inline constexpr int64_t kMaxHead = 512;

/// Rows of f32 sums.
struct SumRows {
  float* data;
  int64_t stride;
  float* row(int64_t t) const { return data + t * stride; }
  SumRows from(int64_t t) const { return {row(t), stride}; }
};

/// Positions [begin, begin + size) of a tile.
struct Range {
  int64_t begin;
  int64_t size;
};

inline int64_t n_tiles(int64_t T) { return (T + kTile - 1) / kTile; }
/// Tile i of a sequence of T.
inline Range tile_at(int64_t i, int64_t T) { return {i * kTile, std::min(kTile, T - i * kTile)}; }

/// The first tile of keys that any query of a tile sees.
inline int64_t first_key_tile(const FirstKeys& first_keys, Range queries) {
  return first_keys.of(queries.begin) / kTile;
}

/// Operands of one query head in forward.
struct ForwardHead {
  Head out, query, key, value;
  float* lse;  // (T)
  FirstKeys first_keys;
  int64_t D;
  std::optional<DropoutLane> dropout;
};

/// Output and log-sum-exp of one tile of queries.
void forward_tile(const ForwardHead& head, Range queries);

/// row_sum[t] = out row . d_out row, over a range of queries.
void row_products(float* row_sum, const Head& out, const Head& d_out, Range queries, int64_t D);

/// Operands of one query head in backward.
struct BackwardHead {
  SumRows d_query, d_key, d_value;
  Head query, key, value, d_out;
  const float* row_sum;  // (T)
  const float* lse;      // (T)
  FirstKeys first_keys;
  int64_t D;
  int64_t T;
  std::optional<DropoutLane> dropout;
};

/// Adds what query tile i and the key tiles that it sees give to the gradients, the keys nearest
/// first.
void backward_tiles(const BackwardHead& head, int64_t i);
/// Adds what query tile i and key tile j <= i give: nothing where no query sees a key. All pairs in
/// rising order of i - j give the same bits as backward_tiles() in rising order of i.
void backward_pair(const BackwardHead& head, int64_t i, int64_t j);

}  // namespace isoflop::attention
