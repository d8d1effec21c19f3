// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <library_types.h>

namespace isoflop::emulation {

/// A column-major matrix of f32, bf16 or f16 in memory.
struct MatrixView {
  const void* data = nullptr;
  cudaDataType_t type = CUDA_R_32F;
  int64_t rows = 0, cols = 0, ld = 0;

  int64_t element_bytes() const { return type == CUDA_R_32F ? 4 : 2; }
  /// The same matrix so many elements further on.
  MatrixView moved_by(int64_t elements) const {
    MatrixView moved = *this;
    if (data) moved.data = static_cast<const char*>(data) + elements * element_bytes();
    return moved;
  }
  /// From the first element to the end of the last.
  int64_t bytes() const {
    return rows == 0 || cols == 0 ? 0 : (ld * (cols - 1) + rows) * element_bytes();
  }
};

/// What becomes of a product's sums, in f32, before they are rounded.
enum class Epilogue {
  none,
  gelu,           ///< aux = the sums, d = GELU of them as they were before aux was rounded
  gelu_gradient,  ///< d = the sums times the derivative of GELU at aux
};

/// d = alpha op(a) op(b) + beta c + bias (one per row), summed in f32 in the order of k, rounded
/// once; with n_part, the sums of so many parts of k are added up. c, laid out as d and possibly d
/// itself, is not read when beta is 0. bias has d's type and may be null. aux has d's size.
struct MatrixProduct {
  MatrixView a, b;
  const void* c = nullptr;
  MatrixView d;
  bool transpose_a = false, transpose_b = false;
  float alpha = 1.0f, beta = 0.0f;
  const void* bias = nullptr;
  int64_t n_part = 1;
  Epilogue epilogue = Epilogue::none;
  MatrixView aux = {};

  int64_t inner() const { return transpose_a ? a.rows : a.cols; }
};
void multiply(const MatrixProduct& product);

}  // namespace isoflop::emulation
