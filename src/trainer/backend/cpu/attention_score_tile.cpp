// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/attention_score_tile.hpp"

#include "trainer/backend/cpu/vectorise.hpp"

#include <algorithm>

namespace isoflop::attention {

void hide_keys(ScoreTile& scores, const TilePair& pair, const FirstKeys& first_keys) {
  const int64_t last_query = pair.queries.begin + pair.queries.size - 1;
  if (first_keys.of(last_query) <= pair.keys.begin) return;
  for (int64_t i = 0; i < pair.queries.size; ++i) {
    const int64_t n = first_keys.of(pair.queries.begin + i) - pair.keys.begin;
    for (int64_t j = 0; j < std::min(n, pair.keys.size); ++j) scores.at[j * kTile + i] = kMasked;
  }
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
