// SPDX-License-Identifier: MIT
#include "emulation/matrix_product.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numbers>
#include <vector>

namespace isoflop::emulation {
namespace {

float load(const void* data, cudaDataType_t type, int64_t i) {
  if (type == CUDA_R_16BF) return __bfloat162float(static_cast<const __nv_bfloat16*>(data)[i]);
  if (type == CUDA_R_16F) return __half2float(static_cast<const __half*>(data)[i]);
  return static_cast<const float*>(data)[i];
}

void store(void* data, cudaDataType_t type, int64_t i, float value) {
  if (type == CUDA_R_16BF)
    static_cast<__nv_bfloat16*>(data)[i] = __float2bfloat16(value);
  else if (type == CUDA_R_16F)
    static_cast<__half*>(data)[i] = __float2half(value);
  else
    static_cast<float*>(data)[i] = value;
}

/// op(matrix) as f32, column-major without gaps.
std::vector<float> unpack(const MatrixView& matrix, bool transpose) {
  std::vector<float> result(static_cast<std::size_t>(matrix.rows * matrix.cols));
  for (int64_t col = 0; col < matrix.cols; ++col)
    for (int64_t row = 0; row < matrix.rows; ++row) {
      const int64_t to = transpose ? col + row * matrix.cols : row + col * matrix.rows;
      result[static_cast<std::size_t>(to)] = load(matrix.data, matrix.type, row + col * matrix.ld);
    }
  return result;
}

/// A part of the inner dimension.
struct Range {
  int64_t begin, end;
};

/// column += sum over k of a's column k times b[k].
void add_product_column(float* column, const float* a, const float* b, int64_t rows, Range part) {
  for (int64_t k = part.begin; k < part.end; ++k) {
    const float factor = b[k];
    const float* const a_column = a + k * rows;
    for (int64_t row = 0; row < rows; ++row) column[row] += a_column[row] * factor;
  }
}

/// GELU in its tanh form (Hendrycks and Gimpel, arXiv:1606.08415), which is cuBLASLt's, and its
/// derivative.
struct Gelu {
  explicit Gelu(double x) {
    const double scale = std::sqrt(2 / std::numbers::pi);
    const double tanh = std::tanh(scale * (x + 0.044715 * x * x * x));
    value = 0.5 * x * (1 + tanh);
    slope = 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * scale * (1 + 3 * 0.044715 * x * x);
  }
  double value, slope;
};

/// An element of d from its sum.
float finish(const MatrixProduct& product, int64_t row, int64_t col, float sum) {
  const MatrixView& aux = product.aux;
  const int64_t i = row + col * aux.ld;
  switch (product.epilogue) {
    case Epilogue::none:
      return sum;
    case Epilogue::gelu:
      store(const_cast<void*>(aux.data), aux.type, i, sum);
      return static_cast<float>(Gelu(sum).value);
    case Epilogue::gelu_gradient:
      return sum * static_cast<float>(Gelu(load(aux.data, aux.type, i)).slope);
  }
  return sum;
}

void store_column(const MatrixProduct& product, int64_t col, const std::vector<float>& sums) {
  const MatrixView& d = product.d;
  for (int64_t row = 0; row < d.rows; ++row) {
    const int64_t i = row + col * d.ld;
    float value = product.alpha * sums[static_cast<std::size_t>(row)];
    if (product.beta != 0.0f) value += product.beta * load(product.c, d.type, i);
    if (product.bias != nullptr) value += load(product.bias, d.type, row);
    store(const_cast<void*>(d.data), d.type, i, finish(product, row, col, value));
  }
}

}  // namespace

void multiply(const MatrixProduct& product) {
  const std::vector<float> a = unpack(product.a, product.transpose_a);
  const std::vector<float> b = unpack(product.b, product.transpose_b);
  const int64_t inner = product.inner();
  const int64_t n_part = std::min(product.n_part, inner);
  std::vector<float> sums(static_cast<std::size_t>(product.d.rows)), part(sums.size());
  for (int64_t col = 0; col < product.d.cols; ++col) {
    sums.assign(sums.size(), 0.0f);
    for (int64_t p = 0; p < n_part; ++p) {
      part.assign(part.size(), 0.0f);
      add_product_column(part.data(), a.data(), b.data() + col * inner, product.d.rows,
                         {p * inner / n_part, (p + 1) * inner / n_part});
      std::transform(sums.begin(), sums.end(), part.begin(), sums.begin(), std::plus<>());
    }
    store_column(product, col, sums);
  }
}

}  // namespace isoflop::emulation
