// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

namespace isoflop {

/// A matrix in place: element (i, j) is data[i row_stride + j col_stride]; one stride is 1.
struct MatrixLayout {
  int64_t row_stride = 0;
  int64_t col_stride = 1;
};

enum class Accumulate { no, yes };

/// The shape of c (M, N) = a (M, K) b (K, N) [+ bias (N)] [+ c]; c is row-major and packed.
struct CpuMatmulShape {
  int64_t M = 0, N = 0, K = 0;
  MatrixLayout a, b;
  bool has_bias = false;
  Accumulate accumulate = Accumulate::no;
};

/// f32 matrix products by oneDNN, which picks its kernels for the processor at run time. A product
/// of a shape is planned at its first use and kept; transposed operands are read in place.
class MatmulCache {
 public:
  MatmulCache();
  ~MatmulCache();
  MatmulCache(const MatmulCache&) = delete;
  MatmulCache& operator=(const MatmulCache&) = delete;

  /// Computes now, on the calling thread and its OpenMP threads (as many in every call).
  void run(const CpuMatmulShape& shape, float* c, const float* a, const float* b,
           const float* bias = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isoflop
