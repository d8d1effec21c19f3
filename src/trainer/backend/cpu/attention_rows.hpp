// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/dropout_factors.hpp"
#include "trainer/tensor/dtype.hpp"

#include <cstdint>

/// Row operations of attention that keeps its probabilities: T x T matrices of one head in f32,
/// bf16 or f16, computed in f32 and rounded once. Elements behind the diagonal become 0.
namespace isoflop::attention {

/// A head's matrix, without gaps.
struct SquareMatrix {
  void* data;
  DType dtype;
  int64_t T;
  void* at(int64_t row, int64_t column) const;
};

/// Row t of scores becomes softmax(scale x scores) over columns from `first` on, 0 before.
void softmax_row(const SquareMatrix& scores, int64_t t, int64_t first, float scale);
/// out row = probabilities row x dropout factors; `out` has a row's width, its row is out_row.
void drop_row(const SquareMatrix& out, int64_t out_row, const SquareMatrix& probabilities,
              int64_t t, const DropoutLane& dropout);
/// d row (gradient of the dropped probabilities) becomes the gradient of the scores before `scale`.
void softmax_backward_row(const SquareMatrix& d, const SquareMatrix& probabilities, int64_t t,
                          float scale, const DropoutLane* dropout);

}  // namespace isoflop::attention
