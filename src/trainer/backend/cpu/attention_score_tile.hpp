// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/attention_operands.hpp"

#include <cmath>

/// What forward and backward do with tiles of scores.
namespace isoflop::attention {

/// Stands for minus infinity in masked scores: its exponential is 0 beside any real score.
inline constexpr float kMasked = -1e30f;

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

/// On the diagonal keys are taken by so many, each with the queries from the first of them on, so
/// that little of the masked half is computed.
inline constexpr int64_t kDiagonalStep = 16;

/// The first query whose score with key j of the tile is computed; scores before are undefined.
inline int64_t first_query(const TilePair& pair, int64_t j) {
  return pair.on_diagonal() ? j / kDiagonalStep * kDiagonalStep : 0;
}

/// Calls f(key, n_keys, query): keys [key, key + n_keys) of the tile are taken with its queries
/// from `query` on.
template <typename F>
void for_visible_parts(const TilePair& pair, const F& f) {
  const int64_t step = pair.on_diagonal() ? kDiagonalStep : kTile;
  for (int64_t j = 0; j < pair.keys.size; j += step)
    f(j, std::min(step, pair.keys.size - j), first_query(pair, j));
}

/// c (M, N) += or = a (M, K) b (K, N); K counts elements.
template <typename E>
void run_product(int64_t M, int64_t N, int64_t K, const SumRows& c, const Left<E>& a,
                 const Right<E>& b, Accumulate accumulate) {
  run_tile_product(TileProductOf<E>{.M = M,
                                    .N = N,
                                    .K = K,
                                    .c = c.data,
                                    .c_stride = c.stride,
                                    .a = a.data,
                                    .a_row_stride = a.row_stride,
                                    .a_col_stride = a.col_stride,
                                    .b = b.data,
                                    .b_stride = b.stride,
                                    .accumulate = accumulate});
}

/// scores (key, query) = rows of `keys` . columns of `queries` from first_query() on; `masked` for
/// keys behind the query.
template <typename E>
void compute_scores(ScoreTile& scores, const Left<E>& keys, const Right<E>& queries,
                    const TilePair& pair, int64_t D, float masked) {
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    run_product<E>(n_keys, kTile - i, n_elements<E>(D), {scores.at + j * kTile + i, kTile},
                   keys.from(j, 0), queries.from(0, i), Accumulate::no);
  });
  if (!pair.on_diagonal()) return;
  for (int64_t j = 0; j < pair.keys.size; ++j)
    std::fill(scores.at + j * kTile + first_query(pair, j), scores.at + j * kTile + j, masked);
}

/// Masks keys before the first that a query sees. A query whose keys so far are all masked has sums
/// of no meaning, which its first real score multiplies by 0.
void hide_keys(ScoreTile& scores, const TilePair& pair, const FirstKeys& first_keys);

/// out (query, d_head) += scores (query, key) rows (key, d_head).
template <typename E>
void add_to_queries(const SumRows& out, const Left<E>& scores, const Right<E>& rows,
                    const TilePair& pair, int64_t D) {
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    run_product<E>(pair.queries.size - i, D, n_elements<E>(n_keys), out.from(i),
                   scores.from(i, j / kTerms<E>), rows.from(j / kTerms<E>, 0), Accumulate::yes);
  });
}

/// out (key, d_head) += scores (key, query) rows (query, d_head).
template <typename E>
void add_to_keys(const SumRows& out, const Left<E>& scores, const Right<E>& rows,
                 const TilePair& pair, int64_t D) {
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    run_product<E>(n_keys, D, n_elements<E>(pair.queries.size - i), out.from(j),
                   scores.from(j, i / kTerms<E>), rows.from(i / kTerms<E>, 0), Accumulate::yes);
  });
}

/// Dropout factors of a pair's probabilities.
void compute_factors(ScoreTile& factors, const DropoutLane& dropout, const TilePair& pair);
/// scores *= factors, over the first n_keys keys.
void multiply(ScoreTile& scores, const ScoreTile& factors, int64_t n_keys);

}  // namespace isoflop::attention
