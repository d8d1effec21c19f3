// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/attention_tiles.hpp"

#include <cmath>

/// Tiles on the stack. Scores are stored transposed, (key, query), so that queries are the vector
/// lanes of the softmax.
namespace isoflop::attention {

/// Stands for minus infinity in masked scores: its exponential is 0 beside any real score.
inline constexpr float kMasked = -1e30f;

inline float score_scale(int64_t D) { return 1.0f / std::sqrt(static_cast<float>(D)); }

/// Scores, probabilities, their gradients or dropout factors, (key, query).
struct alignas(64) ScoreTile {
  float at[kTile * kTile];
};

/// Rows of a head, (position, d_head) without gaps.
struct alignas(64) PackedTile {
  float at[kTile * kMaxHead];
};

/// Queries (or output gradients), (d_head, query); queries past the end are 0.
struct alignas(64) TransposedTile {
  float at[kMaxHead * kTile];
};

/// Per query of a tile.
struct alignas(64) Lanes {
  float at[kTile];
};

/// A tile of queries and one of keys, the keys not behind the queries.
struct TilePair {
  Range queries;
  Range keys;
  bool on_diagonal() const { return queries.begin == keys.begin; }
};

/// As f32.
void pack(PackedTile& out, const Head& head, Range rows, int64_t D);
/// Times `scale`.
void transpose(TransposedTile& out, const PackedTile& in, int64_t n_rows, int64_t D, float scale);
/// The first queries.size values from `values` + queries.begin on, then 0.
Lanes load_lanes(const float* values, Range queries);

/// scores = rows of `keys` . columns of the transposed tile, where visible; on the diagonal keys
/// behind the query are masked.
void compute_scores(ScoreTile& scores, const PackedTile& keys, const TransposedTile& queries,
                    const TilePair& pair, int64_t D);
/// As compute_scores, but the diagonal is left unmasked: 0 or what the product gives.
void compute_products(ScoreTile& scores, const PackedTile& keys, const TransposedTile& queries,
                      const TilePair& pair, int64_t D);
/// out (query, d_head) += scores^T (query, key) rows of `in` (key, d_head).
void add_to_queries(const SumRows& out, const ScoreTile& scores, const PackedTile& in,
                    const TilePair& pair, int64_t D);
/// out (key, d_head) += scores (key, query) rows of `in` (query, d_head).
void add_to_keys(const SumRows& out, const ScoreTile& scores, const PackedTile& in,
                 const TilePair& pair, int64_t D);

/// Dropout factors of a pair's probabilities.
void compute_factors(ScoreTile& factors, const DropoutLane& dropout, const TilePair& pair);
/// scores *= factors, over the first n_keys keys.
void multiply(ScoreTile& scores, const ScoreTile& factors, int64_t n_keys);

}  // namespace isoflop::attention
