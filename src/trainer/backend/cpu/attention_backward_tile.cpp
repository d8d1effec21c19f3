// SPDX-License-Identifier: MIT
// Gradients of tiled attention (Dao et al., FlashAttention, arXiv:2205.14135, appendix B):
// probabilities are computed again from the scores and log-sum-exp.
#include "trainer/backend/cpu/attention_score_tile.hpp"
#include "trainer/backend/cpu/vector_math.hpp"

namespace isoflop::attention {
namespace {

/// What a tile of queries is multiplied with.
struct QueryTile {
  Range range;
  PackedTile rows, d_out_rows;
  TransposedTile columns, d_out_columns;  ///< queries times the scale of scores
  Lanes lse, row_sum;

  QueryTile(const BackwardHead& head, int64_t i) : range(tile_at(i, head.T)) {
    pack(rows, head.query, range, head.D);
    pack(d_out_rows, head.d_out, range, head.D);
    transpose(columns, rows, range.size, head.D, score_scale(head.D));
    transpose(d_out_columns, d_out_rows, range.size, head.D, 1.0f);
    lse = load_lanes(head.lse, range);
    row_sum = load_lanes(head.row_sum, range);
  }
};

/// Scores become probabilities; d_scores (so far d_out . values) becomes their gradient times
/// scale.
ISOFLOP_VECTORISE void softmax_backward(ScoreTile& scores, ScoreTile& d_scores, const Lanes& lse,
                                        const Lanes& row_sum, int64_t n_keys, float scale) {
  for (int64_t j = 0; j < n_keys; ++j) {
    float* const p = scores.at + j * kTile;
    float* const d = d_scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < kTile; ++i) {
      p[i] = vector_exp(p[i] - lse.at[i]);
      d[i] = p[i] * (d[i] - row_sum.at[i]) * scale;
    }
  }
}

void add_pair(const BackwardHead& head, const QueryTile& queries, int64_t j) {
  const int64_t D = head.D;
  const TilePair pair{queries.range, tile_at(j, head.T)};
  PackedTile keys, values;
  ScoreTile scores, d_scores, factors;
  pack(keys, head.key, pair.keys, D);
  pack(values, head.value, pair.keys, D);
  compute_scores(scores, keys, queries.columns, pair, D);
  compute_products(d_scores, values, queries.d_out_columns, pair, D);
  if (head.dropout) {
    compute_factors(factors, *head.dropout, pair);
    multiply(d_scores, factors, pair.keys.size);
  }
  softmax_backward(scores, d_scores, queries.lse, queries.row_sum, pair.keys.size, score_scale(D));
  if (head.dropout) multiply(scores, factors, pair.keys.size);
  add_to_keys(head.d_value.from(pair.keys.begin), scores, queries.d_out_rows, pair, D);
  add_to_keys(head.d_key.from(pair.keys.begin), d_scores, queries.rows, pair, D);
  add_to_queries(head.d_query.from(pair.queries.begin), d_scores, keys, pair, D);
}

ISOFLOP_VECTORISE float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

void row_products(float* row_sum, const Head& out, const Head& d_out, Range queries, int64_t D) {
  float a[kMaxHead], b[kMaxHead];
  for (int64_t t = queries.begin; t < queries.begin + queries.size; ++t) {
    widen(a, out.row(t), out.dtype, D);
    widen(b, d_out.row(t), d_out.dtype, D);
    row_sum[t] = dot(a, b, D);
  }
}

void backward_tiles(const BackwardHead& head, int64_t i) {
  const QueryTile queries(head, i);
  for (int64_t j = i; j >= 0; --j) add_pair(head, queries, j);
}

void backward_pair(const BackwardHead& head, int64_t i, int64_t j) {
  add_pair(head, QueryTile(head, i), j);
}

}  // namespace isoflop::attention
