// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/matmul.hpp"

#include <cstdint>

namespace isoflop {

/// What Newton-Schulz iterations on a (rows, cols) matrix work in.
struct NewtonSchulzMemory {
  float* x = nullptr;       ///< (rows, cols): the matrix, its singular values at most 1
  float* next = nullptr;    ///< (rows, cols)
  float* gram = nullptr;    ///< square, of the smaller side
  float* factor = nullptr;  ///< as gram
};

/// Iterations x = (a + b A + c A^2) x on the smaller side: A = x x^T, or x = x (a + b A + c A^2)
/// with A = x^T x where there are more rows than columns. Of A and its square, which are symmetric,
/// little more than half is computed. The result lies in memory.x or memory.next.
const float* orthogonalise(MatmulCache& matmul, NewtonSchulzMemory memory, int64_t rows,
                           int64_t cols, int n_iteration);

}  // namespace isoflop
