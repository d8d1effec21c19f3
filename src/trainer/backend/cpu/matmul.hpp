// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/accumulate.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/tensor/dtype.hpp"

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

namespace isoflop {

/// A matrix in place: element (i, j) is data[i row_stride + j col_stride]; one stride is 1. f32,
/// bf16 or f16.
struct MatrixLayout {
  int64_t row_stride = 0;
  int64_t col_stride = 1;
  DType dtype = DType::f32;

  auto operator<=>(const MatrixLayout&) const = default;
};

/// c (M, N) = a (M, K) b (K, N) [+ bias (N)] [+ c]. Rows of c are contiguous; a c that is
/// accumulated into is f32 and has no bias.
struct CpuMatmulShape {
  int64_t M = 0, N = 0, K = 0;
  MatrixLayout a, b, c;
  std::optional<DType> bias = std::nullopt;
  Accumulate accumulate = Accumulate::no;

  auto operator<=>(const CpuMatmulShape&) const = default;
};

/// Addresses of a product's operands; they may change from call to call.
struct CpuMatmulOperands {
  void* c = nullptr;
  const void* a = nullptr;
  const void* b = nullptr;
  const void* bias = nullptr;
  float* scratch = nullptr;  ///< MatmulCache::scratch_floats(shape) of them
};

/// Matrix products by oneDNN, which picks its kernels for the processor at run time; sums are f32.
/// A product of a shape is planned at its first use and kept; operands are read in place. Types
/// that oneDNN has no fast kernel for on this processor (f16; bf16 without bf16 instructions) are
/// converted to f32 block by block. Equal operands and numbers of threads give equal bits.
class MatmulCache {
 public:
  MatmulCache();
  ~MatmulCache();
  MatmulCache(const MatmulCache&) = delete;
  MatmulCache& operator=(const MatmulCache&) = delete;

  /// 0 unless operands are converted; at most kConvertedProductFloats.
  int64_t scratch_floats(const CpuMatmulShape& shape);
  /// Computes now, on the calling thread and its OpenMP threads (as many in every call). Throws
  /// std::logic_error for 2-byte operands of a shape that scratch_floats() has not been asked
  /// about: whether it is converted depends on the processor.
  void run(const CpuMatmulShape& shape, const CpuMatmulOperands& operands);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "oneDNN 2.6.3".
std::string matmul_library();

/// What the most demanding of these products needs of the arena; null where nothing is converted.
float* product_scratch(MatmulCache& products, Arena& arena,
                       std::initializer_list<CpuMatmulShape> shapes);

}  // namespace isoflop
