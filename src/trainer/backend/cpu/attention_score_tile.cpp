// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/attention_score_tile.hpp"

#include "trainer/backend/cpu/vectorise.hpp"

namespace isoflop::attention {

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
