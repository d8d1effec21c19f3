// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/tiled_attention.hpp"

namespace isoflop {

void CudaOps::attention_forward(const Exec& exec, TensorView out, TensorView lse, TensorView qkv,
                                const AttentionParams& params) {
  if (qkv.dtype == DType::bf16)
    flash_attention_.forward(exec, out, lse, qkv, params);
  else
    tiled_attention::forward(exec, out, lse, qkv, params);
}

void CudaOps::attention_backward(const Exec& exec, TensorView d_qkv, TensorView row_sum,
                                 TensorView d_out, TensorView qkv, TensorView out, TensorView lse,
                                 const AttentionParams& params) {
  if (qkv.dtype == DType::bf16)
    flash_attention_.backward(exec, d_qkv, row_sum, d_out, qkv, out, lse, params);
  else
    tiled_attention::backward(exec, d_qkv, row_sum, d_out, qkv, out, lse, params);
}

}  // namespace isoflop
