// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/attention_score_tile.hpp"

#include "trainer/backend/cpu/tile_product.hpp"
#include "trainer/backend/cpu/vectorise.hpp"

namespace isoflop::attention {
namespace {

/// Calls f(key, n_keys, query): keys [key, key + n_keys) of the tile are seen by its queries from
/// `query` on. On the diagonal in small steps, so that little of the masked half is computed.
template <typename F>
void for_visible_parts(const TilePair& pair, const F& f) {
  constexpr int64_t kStep = 16;
  if (!pair.on_diagonal()) return f(int64_t{0}, pair.keys.size, int64_t{0});
  for (int64_t j = 0; j < pair.keys.size; j += kStep) f(j, std::min(kStep, pair.keys.size - j), j);
}

}  // namespace

void pack(PackedTile& out, const Head& head, Range rows, int64_t D) {
  for (int64_t i = 0; i < rows.size; ++i)
    widen(out.at + i * D, head.row(rows.begin + i), head.dtype, D);
}

/// By blocks of 16 x 16, so that each cache line that is touched is used whole.
void transpose(TransposedTile& out, const PackedTile& in, int64_t n_rows, int64_t D, float scale) {
  constexpr int64_t kBlock = 16;
  for (int64_t c0 = 0; c0 < D; c0 += kBlock) {
    for (int64_t i0 = 0; i0 < n_rows; i0 += kBlock)
      for (int64_t i = i0; i < std::min(i0 + kBlock, n_rows); ++i)
        for (int64_t c = c0; c < std::min(c0 + kBlock, D); ++c)
          out.at[c * kTile + i] = in.at[i * D + c] * scale;
  }
  for (int64_t c = 0; c < D; ++c)
    std::fill(out.at + c * kTile + n_rows, out.at + (c + 1) * kTile, 0.0f);
}

Lanes load_lanes(const float* values, Range queries) {
  Lanes lanes{};
  std::copy_n(values + queries.begin, queries.size, lanes.at);
  return lanes;
}

void compute_products(ScoreTile& scores, const PackedTile& keys, const TransposedTile& queries,
                      const TilePair& pair, int64_t D) {
  std::fill_n(scores.at, pair.keys.size * kTile, 0.0f);
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    add_tile_product({.M = n_keys,
                      .N = kTile - i,
                      .K = D,
                      .c = scores.at + j * kTile + i,
                      .c_stride = kTile,
                      .a = keys.at + j * D,
                      .a_row_stride = D,
                      .a_col_stride = 1,
                      .b = queries.at + i,
                      .b_stride = kTile});
  });
}

void compute_scores(ScoreTile& scores, const PackedTile& keys, const TransposedTile& queries,
                    const TilePair& pair, int64_t D) {
  compute_products(scores, keys, queries, pair, D);
  if (!pair.on_diagonal()) return;
  for (int64_t j = 0; j < pair.keys.size; ++j) std::fill_n(scores.at + j * kTile, j, kMasked);
}

void add_to_queries(const SumRows& out, const ScoreTile& scores, const PackedTile& in,
                    const TilePair& pair, int64_t D) {
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    add_tile_product({.M = pair.queries.size - i,
                      .N = D,
                      .K = n_keys,
                      .c = out.row(i),
                      .c_stride = out.stride,
                      .a = scores.at + j * kTile + i,
                      .a_row_stride = 1,
                      .a_col_stride = kTile,
                      .b = in.at + j * D,
                      .b_stride = D});
  });
}

void add_to_keys(const SumRows& out, const ScoreTile& scores, const PackedTile& in,
                 const TilePair& pair, int64_t D) {
  for_visible_parts(pair, [&](int64_t j, int64_t n_keys, int64_t i) {
    add_tile_product({.M = n_keys,
                      .N = D,
                      .K = pair.queries.size - i,
                      .c = out.row(j),
                      .c_stride = out.stride,
                      .a = scores.at + j * kTile + i,
                      .a_row_stride = kTile,
                      .a_col_stride = 1,
                      .b = in.at + i * D,
                      .b_stride = D});
  });
}

void compute_factors(ScoreTile& factors, const DropoutLane& dropout, const TilePair& pair) {
  dropout_factors_transposed(factors.at,
                             {.first_row = pair.queries.begin,
                              .n_rows = kTile,
                              .first_column = pair.keys.begin,
                              .n_columns = pair.keys.size,
                              .stride = kTile},
                             dropout);
}

ISOFLOP_VECTORISE void multiply(ScoreTile& scores, const ScoreTile& factors, int64_t n_keys) {
#pragma omp simd
  for (int64_t i = 0; i < n_keys * kTile; ++i) scores.at[i] *= factors.at[i];
}

}  // namespace isoflop::attention
