// SPDX-License-Identifier: MIT
// Attention with a running softmax over tiles of keys (Dao et al., FlashAttention,
// arXiv:2205.14135).
#include "trainer/backend/cpu/attention_score_tile.hpp"
#include "trainer/backend/cpu/vector_math.hpp"

namespace isoflop::attention {
namespace {

/// Sums of outputs, (query, d_head) without gaps.
struct alignas(64) OutputTile {
  float at[kTile * kMaxHead];
};

/// Running softmax of a tile of queries: largest score so far and sum of e^(score - largest).
struct RunningSoftmax {
  Lanes largest;
  Lanes sum;
};

/// Takes in a tile: scores become e^(scale score - largest); `correction` is what earlier sums and
/// outputs are multiplied by.
ISOFLOP_VECTORISE void update_softmax(RunningSoftmax& state, Lanes& correction, ScoreTile& scores,
                                      const TilePair& pair, float scale) {
  Lanes largest, sum;
  std::fill_n(largest.at, kTile, kMasked);
  for (int64_t j = 0; j < pair.keys.size; ++j) {
    const float* const row = scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = first_query(pair, j); i < kTile; ++i)
      largest.at[i] = row[i] > largest.at[i] ? row[i] : largest.at[i];
  }
#pragma omp simd
  for (int64_t i = 0; i < kTile; ++i) {
    const float scaled = largest.at[i] * scale;
    largest.at[i] = scaled > state.largest.at[i] ? scaled : state.largest.at[i];
    correction.at[i] = vector_exp(state.largest.at[i] - largest.at[i]);
    sum.at[i] = state.sum.at[i] * correction.at[i];
  }
  for (int64_t j = 0; j < pair.keys.size; ++j) {
    float* const row = scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = first_query(pair, j); i < kTile; ++i) {
      row[i] = vector_exp(row[i] * scale - largest.at[i]);
      sum.at[i] += row[i];
    }
  }
  state = {largest, sum};
}

/// Row i of a packed tile is multiplied by factor[i].
ISOFLOP_VECTORISE void scale_rows(OutputTile& out, int64_t n_rows, const Lanes& factor, int64_t D) {
  for (int64_t i = 0; i < n_rows; ++i) {
    float* const row = out.at + i * D;
#pragma omp simd
    for (int64_t c = 0; c < D; ++c) row[c] *= factor.at[i];
  }
}

/// Divides the outputs by the sums; stores them and log-sum-exp.
void finish(const ForwardHead& head, OutputTile& out, Range queries, const RunningSoftmax& state) {
  Lanes inverse;
  for (int64_t i = 0; i < kTile; ++i) inverse.at[i] = 1.0f / state.sum.at[i];
  scale_rows(out, queries.size, inverse, head.D);
  for (int64_t i = 0; i < queries.size; ++i) {
    narrow(head.out.row(queries.begin + i), head.out.dtype, out.at + i * head.D, head.D);
    head.lse[queries.begin + i] = state.largest.at[i] + std::log(state.sum.at[i]);
  }
}

template <typename E>
void forward_tile_of(const ForwardHead& head, Range queries) {
  const int64_t D = head.D;
  const ColumnsOnRight<E> q(head.query, queries, D);
  OutputTile out;
  ScoreTile scores, factors;
  RunningSoftmax state;
  Lanes correction;
  std::fill_n(out.at, queries.size * D, 0.0f);
  std::fill_n(state.largest.at, kTile, kMasked);
  std::fill_n(state.sum.at, kTile, 0.0f);
  const int64_t first = first_key_tile(head.first_keys, queries) * kTile;
  for (int64_t begin = first; begin <= queries.begin; begin += kTile) {
    const TilePair pair{queries, begin < queries.begin ? Range{begin, kTile} : queries};
    const RowsOnLeft<E> keys(head.key, pair.keys, D);
    const RowsOnRight<E> values(head.value, pair.keys, D);
    compute_scores<E>(scores, keys.view(), q.view(), pair, D, kMasked);
    hide_keys(scores, pair, head.first_keys);
    update_softmax(state, correction, scores, pair, score_scale(D));
    if (head.dropout) {
      compute_factors(factors, *head.dropout, pair);
      multiply(scores, factors, pair.keys.size);
    }
    if (begin > first) scale_rows(out, queries.size, correction, D);
    const ScoresByQuery<E> weights(scores, pair.keys.size);
    add_to_queries<E>({out.at, D}, weights.view(), values.view(), pair, D);
  }
  finish(head, out, queries, state);
}

}  // namespace

void forward_tile(const ForwardHead& head, Range queries) {
  if (multiplies_pairs(head.query, head.D))
    forward_tile_of<Bf16Pair>(head, queries);
  else
    forward_tile_of<float>(head, queries);
}

}  // namespace isoflop::attention
