// SPDX-License-Identifier: MIT
// Attention with a running softmax over tiles of keys (Dao et al., FlashAttention,
// arXiv:2205.14135).
#include "trainer/backend/cpu/attention_score_tile.hpp"
#include "trainer/backend/cpu/vector_math.hpp"

namespace isoflop::attention {
namespace {

/// Running softmax of a tile of queries: largest score so far and sum of e^(score - largest).
struct RunningSoftmax {
  Lanes largest;
  Lanes sum;
};

/// Takes in a tile: scores become e^(score - largest); `correction` is what earlier sums and
/// outputs are multiplied by.
ISOFLOP_VECTORISE void update_softmax(RunningSoftmax& state, Lanes& correction, ScoreTile& scores,
                                      int64_t n_keys) {
  Lanes largest = state.largest;
  for (int64_t j = 0; j < n_keys; ++j) {
    const float* const row = scores.at + j * kTile;
#pragma omp simd
    for (int64_t i = 0; i < kTile; ++i)
      largest.at[i] = row[i] > largest.at[i] ? row[i] : largest.at[i];
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
      row[i] = vector_exp(row[i] - largest.at[i]);
      state.sum.at[i] += row[i];
    }
  }
  state.largest = largest;
}

/// Row i of a packed tile is multiplied by factor[i].
ISOFLOP_VECTORISE void scale_rows(PackedTile& out, int64_t n_rows, const Lanes& factor, int64_t D) {
  for (int64_t i = 0; i < n_rows; ++i) {
    float* const row = out.at + i * D;
#pragma omp simd
    for (int64_t c = 0; c < D; ++c) row[c] *= factor.at[i];
  }
}

/// Divides the outputs by the sums; stores them and log-sum-exp.
void finish(const ForwardHead& head, PackedTile& out, Range queries, const RunningSoftmax& state) {
  Lanes inverse;
  for (int64_t i = 0; i < kTile; ++i) inverse.at[i] = 1.0f / state.sum.at[i];
  scale_rows(out, queries.size, inverse, head.D);
  for (int64_t i = 0; i < queries.size; ++i) {
    narrow(head.out.row(queries.begin + i), head.out.dtype, out.at + i * head.D, head.D);
    head.lse[queries.begin + i] = state.largest.at[i] + std::log(state.sum.at[i]);
  }
}

}  // namespace

void forward_tile(const ForwardHead& head, Range queries) {
  const int64_t D = head.D;
  PackedTile out, keys, values;
  TransposedTile q;
  ScoreTile scores, factors;
  RunningSoftmax state;
  Lanes correction;
  pack(out, head.query, queries, D);
  transpose(q, out, queries.size, D, score_scale(D));
  std::fill_n(out.at, queries.size * D, 0.0f);
  std::fill_n(state.largest.at, kTile, kMasked);
  std::fill_n(state.sum.at, kTile, 0.0f);
  for (int64_t begin = 0; begin <= queries.begin; begin += kTile) {
    const TilePair pair{queries, begin < queries.begin ? Range{begin, kTile} : queries};
    pack(keys, head.key, pair.keys, D);
    pack(values, head.value, pair.keys, D);
    compute_scores(scores, keys, q, pair, D);
    update_softmax(state, correction, scores, pair.keys.size);
    if (head.dropout) {
      compute_factors(factors, *head.dropout, pair);
      multiply(scores, factors, pair.keys.size);
    }
    if (begin > 0) scale_rows(out, queries.size, correction, D);
    add_to_queries({out.at, D}, scores, values, pair, D);
  }
  finish(head, out, queries, state);
}

}  // namespace isoflop::attention
