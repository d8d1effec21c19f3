// SPDX-License-Identifier: MIT
// Attention with a running softmax over tiles of keys (Dao et al., FlashAttention,
// arXiv:2205.14135). Score tiles are stored transposed, (key, query), so that queries are the
// vector lanes of the softmax.
#include "trainer/backend/cpu/attention_tiles.hpp"

#include "trainer/backend/cpu/tile_product.hpp"
#include "trainer/backend/cpu/vector_math.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop::attention {
namespace {

/// Stands for minus infinity in masked scores: its exponential is 0 beside any real score.
constexpr float kMasked = -1e30f;

/// Tile of scores or their gradients, (key, query).
struct alignas(64) ScoreTile {
  float at[kTile * kTile];
};

/// Queries (or output gradients) of a tile, (d_head, query); queries past the end are 0.
struct alignas(64) TransposedTile {
  float at[kMaxHead * kTile];
};

/// Per query of a tile.
struct alignas(64) Lanes {
  float at[kTile];
};

/// By blocks of 16 x 16, so that each cache line that is touched is used whole.
void transpose(TransposedTile& out, const Head& head, Range queries, int64_t D) {
  constexpr int64_t kBlock = 16;
  for (int64_t c0 = 0; c0 < D; c0 += kBlock) {
    for (int64_t i0 = 0; i0 < queries.size; i0 += kBlock)
      for (int64_t i = i0; i < std::min(i0 + kBlock, queries.size); ++i)
        for (int64_t c = c0; c < std::min(c0 + kBlock, D); ++c)
          out.at[c * kTile + i] = head.row(queries.begin + i)[c];
  }
  for (int64_t c = 0; c < D; ++c)
    std::fill(out.at + c * kTile + queries.size, out.at + (c + 1) * kTile, 0.0f);
}

/// A tile of queries and one of keys, the keys not behind the queries.
struct TilePair {
  Range queries;
  Range keys;
  bool on_diagonal() const { return queries.begin == keys.begin; }
};

/// Calls f(key, n_keys, query): keys [key, key + n_keys) of the tile are seen by its queries from
/// `query` on. On the diagonal in small steps, so that little of the masked half is computed.
template <typename F>
void for_visible_parts(const TilePair& pair, const F& f) {
  constexpr int64_t kStep = 16;
  if (!pair.on_diagonal()) return f(int64_t{0}, pair.keys.size, int64_t{0});
  for (int64_t j = 0; j < pair.keys.size; j += kStep) f(j, std::min(kStep, pair.keys.size - j), j);
}

/// scores (key, query) = rows of `head` . columns of the transposed tile, where visible; 0
/// elsewhere.
void compute_scores(ScoreTile& scores, const Head& head, const TransposedTile& queries,
                    const TilePair& pair, int64_t D) {
  std::fill_n(scores.at, pair.keys.size * kTile, 0.0f);
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    add_tile_product({.M = n_keys,
                      .N = kTile - i,
                      .K = D,
                      .c = scores.at + j * kTile + i,
                      .c_stride = kTile,
                      .a = head.row(pair.keys.begin + j),
                      .a_row_stride = head.stride,
                      .a_col_stride = 1,
                      .b = queries.at + i,
                      .b_stride = kTile});
  });
}

/// out (query, d_head) += scores^T (query, key) rows of `in`.
void add_to_queries(const Head& out, const ScoreTile& scores, const Head& in, const TilePair& pair,
                    int64_t D) {
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    add_tile_product({.M = pair.queries.size - i,
                      .N = D,
                      .K = n_keys,
                      .c = out.row(pair.queries.begin + i),
                      .c_stride = out.stride,
                      .a = scores.at + j * kTile + i,
                      .a_row_stride = 1,
                      .a_col_stride = kTile,
                      .b = in.row(pair.keys.begin + j),
                      .b_stride = in.stride});
  });
}

/// out (key, d_head) += scores (key, query) rows of `in`.
void add_to_keys(const Head& out, const ScoreTile& scores, const Head& in, const TilePair& pair,
                 int64_t D) {
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    add_tile_product({.M = n_keys,
                      .N = D,
                      .K = pair.queries.size - i,
                      .c = out.row(pair.keys.begin + j),
                      .c_stride = out.stride,
                      .a = scores.at + j * kTile + i,
                      .a_row_stride = kTile,
                      .a_col_stride = 1,
                      .b = in.row(pair.queries.begin + i),
                      .b_stride = in.stride});
  });
}

/// In the tile on the diagonal, keys behind the query are masked.
void mask_later_keys(ScoreTile& scores, const TilePair& pair) {
  if (!pair.on_diagonal()) return;
  for (int64_t j = 0; j < pair.keys.size; ++j) std::fill_n(scores.at + j * kTile, j, kMasked);
}

/// Running softmax of a tile of queries: largest score so far and sum of e^(score - largest).
struct RunningSoftmax {
  Lanes largest;
  Lanes sum;
};

/// Takes in a tile: scores become e^(scale score - largest); `correction` is what earlier sums and
/// outputs are multiplied by.
ISOFLOP_VECTORISE void update_softmax(RunningSoftmax& state, Lanes& correction, ScoreTile& scores,
                                      int64_t n_keys, float scale) {
  Lanes largest = state.largest;
  for (int64_t j = 0; j < n_keys; ++j) {
    const float* const row = scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < kTile; ++i)
      largest.at[i] = row[i] * scale > largest.at[i] ? row[i] * scale : largest.at[i];
  }
#pragma omp simd
  for (int64_t i = 0; i < kTile; ++i) {
    correction.at[i] = vector_exp(state.largest.at[i] - largest.at[i]);
    state.sum.at[i] *= correction.at[i];
  }
  for (int64_t j = 0; j < n_keys; ++j) {
    float* const row = scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < kTile; ++i) {
      row[i] = vector_exp(row[i] * scale - largest.at[i]);
      state.sum.at[i] += row[i];
    }
  }
  state.largest = largest;
}

/// Row i of the tile's output is multiplied by factor[i].
ISOFLOP_VECTORISE void scale_rows(const Head& out, Range queries, const Lanes& factor, int64_t D) {
  for (int64_t i = 0; i < queries.size; ++i) {
    float* const row = out.row(queries.begin + i);
#pragma omp simd
    for (int64_t c = 0; c < D; ++c) row[c] *= factor.at[i];
  }
}

/// Divides the outputs by the sums and stores log-sum-exp.
void finish_softmax(const Head& out, float* lse, Range queries, const RunningSoftmax& state,
                    int64_t D) {
  Lanes inverse;
  for (int64_t i = 0; i < kTile; ++i) inverse.at[i] = 1.0f / state.sum.at[i];
  scale_rows(out, queries, inverse, D);
  for (int64_t i = 0; i < queries.size; ++i)
    lse[queries.begin + i] = state.largest.at[i] + std::log(state.sum.at[i]);
}

/// row_sum[i] = out row . d_out row.
ISOFLOP_VECTORISE void row_products(float* row_sum, const Head& out, const Head& d_out,
                                    Range queries, int64_t D) {
  for (int64_t i = queries.begin; i < queries.begin + queries.size; ++i) {
    const float *const a = out.row(i), *const b = d_out.row(i);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < D; ++c) sum += a[c] * b[c];
    row_sum[i] = sum;
  }
}

/// Scores become probabilities; d_scores (so far d_out . values) becomes their gradient times
/// scale.
ISOFLOP_VECTORISE void softmax_backward(ScoreTile& scores, ScoreTile& d_scores, const Lanes& lse,
                                        const Lanes& row_sum, int64_t n_keys, float scale) {
  for (int64_t j = 0; j < n_keys; ++j) {
    float* const p = scores.at + j * kTile;
    float* const d = d_scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < kTile; ++i) {
      p[i] = vector_exp(p[i] * scale - lse.at[i]);
      d[i] = p[i] * (d[i] - row_sum.at[i]) * scale;
    }
  }
}

Lanes load_lanes(const float* values, Range queries) {
  Lanes lanes{};
  std::copy_n(values + queries.begin, queries.size, lanes.at);
  return lanes;
}

}  // namespace

void zero_rows(const Head& head, Range rows, int64_t D) {
  for (int64_t i = 0; i < rows.size; ++i) std::fill_n(head.row(rows.begin + i), D, 0.0f);
}

/// Output and log-sum-exp of one tile of queries of one head.
void forward_tile(const Head& out, float* lse, const Head& query, const Head& key,
                  const Head& value, Range queries, int64_t D) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  TransposedTile q;
  ScoreTile scores;
  RunningSoftmax state;
  Lanes correction;
  transpose(q, query, queries, D);
  zero_rows(out, queries, D);
  std::fill_n(state.largest.at, kTile, kMasked);
  std::fill_n(state.sum.at, kTile, 0.0f);
  for (int64_t begin = 0; begin <= queries.begin; begin += kTile) {
    const TilePair pair{queries, tile_at(begin, queries.begin + queries.size)};
    compute_scores(scores, key, q, pair, D);
    mask_later_keys(scores, pair);
    update_softmax(state, correction, scores, pair.keys.size, scale);
    if (begin > 0) scale_rows(out, queries, correction, D);
    add_to_queries(out, scores, value, pair, D);
  }
  finish_softmax(out, lse, queries, state, D);
}

/// Adds to the gradients what one tile of queries and the keys it sees give.
void backward_tile(const BackwardHead& head, Range queries) {
  const int64_t D = head.D;
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  TransposedTile q, d_out;
  ScoreTile scores, d_scores;
  transpose(q, head.query, queries, D);
  transpose(d_out, head.d_out, queries, D);
  zero_rows(head.d_query, queries, D);
  row_products(head.row_sum, head.out, head.d_out, queries, D);
  const Lanes lse = load_lanes(head.lse, queries), row_sum = load_lanes(head.row_sum, queries);
  for (int64_t begin = 0; begin <= queries.begin; begin += kTile) {
    const TilePair pair{queries, tile_at(begin, queries.begin + queries.size)};
    compute_scores(scores, head.key, q, pair, D);
    mask_later_keys(scores, pair);
    compute_scores(d_scores, head.value, d_out, pair, D);
    softmax_backward(scores, d_scores, lse, row_sum, pair.keys.size, scale);
    add_to_keys(head.d_value, scores, head.d_out, pair, D);
    add_to_keys(head.d_key, d_scores, head.query, pair, D);
    add_to_queries(head.d_query, d_scores, head.key, pair, D);
  }
}

}  // namespace isoflop::attention
