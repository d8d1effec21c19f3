// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/dropout_factors.hpp"

#include "trainer/backend/cpu/philox_lanes.hpp"

namespace isoflop {
namespace {

/// As dropout_words().
ISOFLOP_INLINE PhiloxLane words_of(const DropoutLane& lane, uint64_t token, uint32_t column_block) {
  return philox_rounds<10>({column_block, static_cast<uint32_t>(token),
                            static_cast<uint32_t>(token >> 32), lane.site_and_lane},
                           static_cast<uint32_t>(lane.seed),
                           static_cast<uint32_t>(lane.seed >> 32));
}

}  // namespace

DropoutLane::DropoutLane(const Dropout& dropout, uint32_t lane)
    : seed(dropout.seed),
      site_and_lane(dropout.site << 16 | lane),
      threshold(dropout.threshold()),
      keep_scale(static_cast<float>(dropout.keep_scale())),
      first_token(static_cast<uint64_t>(dropout.first_token(*dropout.first_sample.as<int64_t>()))) {
}

ISOFLOP_VECTORISE void dropout_factors_of_row(float* factors, int64_t row, int64_t first_column,
                                              int64_t n, const DropoutLane& lane) {
  const DropoutLane d = lane;
  const uint64_t token = d.first_token + static_cast<uint64_t>(row);
  const int64_t first_block = first_column / 4;
#pragma omp simd
  for (int64_t block = 0; block < (n + 3) / 4; ++block) {
    const PhiloxLane words = words_of(d, token, static_cast<uint32_t>(first_block + block));
    factors[4 * block] = words.c0 < d.threshold ? 0.0f : d.keep_scale;
    factors[4 * block + 1] = words.c1 < d.threshold ? 0.0f : d.keep_scale;
    factors[4 * block + 2] = words.c2 < d.threshold ? 0.0f : d.keep_scale;
    factors[4 * block + 3] = words.c3 < d.threshold ? 0.0f : d.keep_scale;
  }
}

ISOFLOP_VECTORISE void dropout_factors_transposed(float* factors, const TransposedFactors& part,
                                                  const DropoutLane& lane) {
  const DropoutLane d = lane;
  const TransposedFactors p = part;
  for (int64_t column = 0; column < p.n_columns; column += 4) {
    float* const out = factors + column * p.stride;
    const auto block = static_cast<uint32_t>((p.first_column + column) / 4);
#pragma omp simd
    for (int64_t row = 0; row < p.n_rows; ++row) {
      const PhiloxLane words =
          words_of(d, d.first_token + static_cast<uint64_t>(p.first_row + row), block);
      out[row] = words.c0 < d.threshold ? 0.0f : d.keep_scale;
      out[p.stride + row] = words.c1 < d.threshold ? 0.0f : d.keep_scale;
      out[2 * p.stride + row] = words.c2 < d.threshold ? 0.0f : d.keep_scale;
      out[3 * p.stride + row] = words.c3 < d.threshold ? 0.0f : d.keep_scale;
    }
  }
}

}  // namespace isoflop
