// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <array>
#include <cstdint>

namespace isoflop {

/// A matrix product C (m, n) = A (m, k) B (k, n).
struct Gemm {
  double m = 0;
  double n = 0;
  double k = 0;

  double flops() const { return 2 * m * n * k; }
};

/// The products of one block's forward pass over `n_tokens` tokens: qkv, attention output, FFN in,
/// FFN out.
std::array<Gemm, 4> block_gemms(const ModelShape& shape, int64_t n_tokens);

/// The output projection of `n_tokens` tokens.
Gemm head_gemm(const ModelShape& shape, int64_t n_tokens);

/// The two products of y = x W^T's backward pass: the input's gradient and the weight's.
std::array<Gemm, 2> backward_gemms(const Gemm& forward);

/// Elements a block's element-wise kernels (fused norm and residual, RoPE, activation) read and
/// write for one token, forward and backward.
struct ElementTraffic {
  double forward = 0;
  double backward = 0;
};
ElementTraffic block_element_traffic(const ModelShape& shape);

/// Kernels of one block: its products, attention and the element-wise ones.
inline constexpr int kBlockForwardKernels = 9;
inline constexpr int kBlockBackwardKernels = 17;

}  // namespace isoflop
