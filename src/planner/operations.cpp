// SPDX-License-Identifier: MIT
#include "planner/operations.hpp"

namespace isoflop {

std::array<Gemm, 4> block_gemms(const ModelShape& shape, int64_t n_tokens) {
  const auto m = static_cast<double>(n_tokens);
  const auto d_model = static_cast<double>(shape.d_model);
  const auto d_ff = static_cast<double>(shape.d_ff);
  const auto heads = static_cast<double>(shape.n_head * shape.d_head);
  return {Gemm{m, static_cast<double>(shape.qkv_width()), d_model}, Gemm{m, d_model, heads},
          Gemm{m, static_cast<double>(shape.ffn_in_width()), d_model}, Gemm{m, d_model, d_ff}};
}

Gemm head_gemm(const ModelShape& shape, int64_t n_tokens) {
  return {static_cast<double>(n_tokens), static_cast<double>(shape.vocab_size),
          static_cast<double>(shape.d_model)};
}

std::array<Gemm, 2> backward_gemms(const Gemm& forward) {
  return {Gemm{forward.m, forward.k, forward.n}, Gemm{forward.n, forward.k, forward.m}};
}

ElementTraffic block_element_traffic(const ModelShape& shape) {
  const auto d_model = static_cast<double>(shape.d_model);
  const auto qkv = static_cast<double>(shape.qkv_width());
  const auto ffn_in = static_cast<double>(shape.ffn_in_width());
  const auto d_ff = static_cast<double>(shape.d_ff);
  // Each of the two fused residual + norm kernels reads residual and delta and writes residual and
  // norm; its backward reads the norm's gradient, the residual and its gradient and writes that.
  const double norms = 2 * 4 * d_model;
  const double rope = 2 * qkv;
  return {norms + rope + ffn_in + d_ff, norms + rope + d_ff + 2 * ffn_in};
}

}  // namespace isoflop
