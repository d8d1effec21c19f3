// SPDX-License-Identifier: MIT
// Gradients of tiled attention (Dao et al., FlashAttention, arXiv:2205.14135, appendix B):
// probabilities are computed again from the scores and log-sum-exp.
#include "trainer/backend/cpu/attention_score_tile.hpp"
#include "trainer/backend/cpu/element.hpp"
#include "trainer/backend/cpu/vector_math.hpp"

namespace isoflop::attention {
namespace {

/// The first queries.size values from `values` + queries.begin on, then 0.
Lanes load_lanes(const float* values, Range queries) {
  Lanes lanes{};
  std::copy_n(values + queries.begin, queries.size, lanes.at);
  return lanes;
}

/// What a tile of queries is multiplied with.
template <typename E>
struct QueryTile {
  Range range;
  RowsOnRight<E> rows, d_out_rows;
  ColumnsOnRight<E> columns, d_out_columns;
  Lanes lse, row_sum;

  QueryTile(const BackwardHead& head, int64_t i)
      : range(tile_at(i, head.T)),
        rows(head.query, range, head.D),
        d_out_rows(head.d_out, range, head.D),
        columns(head.query, range, head.D),
        d_out_columns(head.d_out, range, head.D),
        lse(load_lanes(head.lse, range)),
        row_sum(load_lanes(head.row_sum, range)) {}
};

/// Scores become probabilities; d_scores (so far d_out . values) becomes their gradient times
/// scale.
ISOFLOP_VECTORISE void softmax_backward(ScoreTile& scores, ScoreTile& d_scores, const Lanes& lse,
                                        const Lanes& row_sum, const TilePair& pair, float scale) {
  for (int64_t j = 0; j < pair.keys.size; ++j) {
    float* const p = scores.at + j * kTile;
    float* const d = d_scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = first_query(pair, j); i < kTile; ++i) {
      p[i] = vector_exp(p[i] * scale - lse.at[i]);
      d[i] = p[i] * (d[i] - row_sum.at[i]) * scale;
    }
  }
}

template <typename E>
void add_pair(const BackwardHead& head, const QueryTile<E>& queries, int64_t j) {
  const int64_t D = head.D;
  const TilePair pair{queries.range, tile_at(j, head.T)};
  const int64_t n_keys = pair.keys.size;
  const RowsOnLeft<E> keys(head.key, pair.keys, D), values(head.value, pair.keys, D);
  const RowsOnRight<E> key_rows(head.key, pair.keys, D);
  ScoreTile scores, d_scores, factors;
  compute_scores<E>(scores, keys.view(), queries.columns.view(), pair, D, kMasked);
  hide_keys(scores, pair, head.first_keys);
  compute_scores<E>(d_scores, values.view(), queries.d_out_columns.view(), pair, D, 0.0f);
  if (head.dropout) {
    compute_factors(factors, *head.dropout, pair);
    multiply(d_scores, factors, n_keys);
  }
  softmax_backward(scores, d_scores, queries.lse, queries.row_sum, pair, score_scale(D));
  if (head.dropout) multiply(scores, factors, n_keys);
  const ScoresByKey<E> p(scores, n_keys), d_by_key(d_scores, n_keys);
  const ScoresByQuery<E> d_by_query(d_scores, n_keys);
  add_to_keys<E>(head.d_value.from(pair.keys.begin), p.view(), queries.d_out_rows.view(), pair, D);
  add_to_keys<E>(head.d_key.from(pair.keys.begin), d_by_key.view(), queries.rows.view(), pair, D);
  add_to_queries<E>(head.d_query.from(pair.queries.begin), d_by_query.view(), key_rows.view(), pair,
                    D);
}

template <typename E>
void add_tiles(const BackwardHead& head, int64_t i) {
  const QueryTile<E> queries(head, i);
  for (int64_t j = i; j >= first_key_tile(head.first_keys, queries.range); --j)
    add_pair<E>(head, queries, j);
}

template <typename T>
ISOFLOP_VECTORISE float dot(const T* a, const T* b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += to_float(a[i]) * to_float(b[i]);
  return sum;
}

}  // namespace

void row_products(float* row_sum, const Head& out, const Head& d_out, Range queries, int64_t D) {
  with_element(out.dtype, [&]<typename T>() {
    for (int64_t t = queries.begin; t < queries.begin + queries.size; ++t)
      row_sum[t] = dot(static_cast<const T*>(out.row(t)), static_cast<const T*>(d_out.row(t)), D);
  });
}

void backward_tiles(const BackwardHead& head, int64_t i) {
  if (multiplies_pairs(head.query, head.D))
    add_tiles<Bf16Pair>(head, i);
  else
    add_tiles<float>(head, i);
}

void backward_pair(const BackwardHead& head, int64_t i, int64_t j) {
  if (j < first_key_tile(head.first_keys, tile_at(i, head.T))) return;
  if (multiplies_pairs(head.query, head.D))
    add_pair<Bf16Pair>(head, QueryTile<Bf16Pair>(head, i), j);
  else
    add_pair<float>(head, QueryTile<float>(head, i), j);
}

}  // namespace isoflop::attention
