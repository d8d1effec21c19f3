// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

namespace isoflop::attention {

/// Queries and keys are taken in tiles of this many positions.
inline constexpr int64_t kTile = 64;
/// The tile of transposed queries is kMaxHead x kTile floats on the stack: 128 KiB.
inline constexpr int64_t kMaxHead = 512;

/// The rows of one head in a packed tensor: row t is data + t stride.
struct Head {
  float* data;
  int64_t stride;
  float* row(int64_t t) const { return data + t * stride; }
};

/// Positions [begin, begin + size) of a tile.
struct Range {
  int64_t begin;
  int64_t size;
};

/// The tile from `begin` on in a sequence of T.
inline Range tile_at(int64_t begin, int64_t T) { return {begin, std::min(kTile, T - begin)}; }

/// Rows of a head become 0.
void zero_rows(const Head& head, Range rows, int64_t D);

/// Output and log-sum-exp of one tile of queries of one head.
void forward_tile(const Head& out, float* lse, const Head& query, const Head& key,
                  const Head& value, Range queries, int64_t D);

/// Operands of one query head in backward.
struct BackwardHead {
  Head d_query, d_key, d_value, d_out, query, key, value, out;
  float* row_sum;
  const float* lse;
  int64_t D;
};

/// Adds to the gradients what one tile of queries and the keys it sees give.
void backward_tile(const BackwardHead& head, Range queries);

}  // namespace isoflop::attention
