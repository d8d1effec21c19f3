// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/manual_attention.hpp"
#include "trainer/backend/cuda/tiled_attention.hpp"

namespace isoflop {

AttentionBackend CudaOps::attention_backend(AttentionBackend backend, bool has_dropout) const {
  if (backend != AttentionBackend::automatic) return backend;
  return compute_ == DType::f32 || has_dropout ? AttentionBackend::sdpa
                                               : AttentionBackend::flash_attn_2;
}

int64_t CudaOps::prepare_attention(const ModelShape& shape, const BatchShape& batch) {
  const AttentionShape heads{shape.n_head, shape.n_kv_head, shape.d_head};
  switch (attention_backend(shape.attention_backend, shape.dropout > 0)) {
    case AttentionBackend::flash_attn_2:
      return flash_attention_.prepare(heads, batch, compute_);
    case AttentionBackend::manual:
      return manual_attention::prepare(matmul_, heads, batch.seq_len, compute_, shape.dropout > 0);
    default:
      tiled_attention::check_shape(heads);
      return 0;
  }
}

void CudaOps::attention_forward(const Exec& exec, TensorView out, TensorView stats, TensorView qkv,
                                const AttentionParams& params) {
  switch (attention_backend(params.backend, static_cast<bool>(params.dropout))) {
    case AttentionBackend::flash_attn_2:
      return flash_attention_.forward(exec, out, stats, qkv, params);
    case AttentionBackend::manual:
      return manual_attention::forward(exec, matmul_, out, stats, qkv, params);
    default:
      return tiled_attention::forward(exec, out, stats, qkv, params);
  }
}

void CudaOps::attention_backward(const Exec& exec, TensorView d_qkv, TensorView scratch,
                                 TensorView d_out, TensorView qkv, TensorView out, TensorView stats,
                                 const AttentionParams& params) {
  switch (attention_backend(params.backend, static_cast<bool>(params.dropout))) {
    case AttentionBackend::flash_attn_2:
      return flash_attention_.backward(exec, d_qkv, scratch, d_out, qkv, out, stats, params);
    case AttentionBackend::manual:
      return manual_attention::backward(exec, matmul_, d_qkv, scratch, d_out, qkv, stats, params);
    default:
      return tiled_attention::backward(exec, d_qkv, scratch, d_out, qkv, out, stats, params);
  }
}

}  // namespace isoflop
