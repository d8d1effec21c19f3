// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/dropout.hpp"

#include <cstdint>

/// What elements are multiplied by under dropout, 0 or 1 / (1 - rate), computed by vector code from
/// the same words as dropout_words().
namespace isoflop {

/// Dropout of one head's probabilities (or, lane 0, of a tensor's rows), with the micro batch's
/// place in the run read from the device.
struct DropoutLane {
  uint64_t seed = 0;
  uint32_t site_and_lane = 0;
  uint32_t threshold = 0;  ///< elements with words below it are dropped
  float keep_scale = 1;
  uint64_t first_token = 0;  ///< the number in the run of row 0

  /// Reads dropout.first_sample: to be called when the op runs, not when it is enqueued.
  DropoutLane(const Dropout& dropout, uint32_t lane);
};

/// factors[i] of columns first_column + i for i in [0, n) of a row; first_column is a multiple
/// of 4. Writes up to 3 elements past n.
void dropout_factors_of_row(float* factors, int64_t row, int64_t first_column, int64_t n,
                            const DropoutLane& lane);

/// Factors of `n_rows` rows from `first_row` on and `n_columns` columns from `first_column` (a
/// multiple of 4) on, transposed: factors[column * stride + row]; writes up to 3 columns past
/// n_columns.
struct TransposedFactors {
  int64_t first_row, n_rows, first_column, n_columns;
  int64_t stride;
};
void dropout_factors_transposed(float* factors, const TransposedFactors& part,
                                const DropoutLane& lane);

}  // namespace isoflop
