// SPDX-License-Identifier: MIT
#include "core/model/activation_table.hpp"
#include "core/model/parameter_list.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/head_loss.hpp"
#include "trainer/backend/cuda/linear.hpp"
#include "trainer/backend/cuda/scratch.hpp"

#include <algorithm>
#include <array>

namespace isoflop {
namespace {

/// A block's matrix: N outputs of K inputs.
struct Linear {
  int64_t N, K;
  bool has_bias;
};

/// Of one block, in the order of the forward pass.
std::array<Linear, 4> block_linears(const ModelShape& shape) {
  return {{{shape.qkv_width(), shape.d_model, shape.qkv_bias},
           {shape.d_model, shape.n_head * shape.d_head, shape.attention_out_bias},
           {shape.ffn_in_width(), shape.d_model, shape.ffn_bias},
           {shape.d_model, shape.d_ff, shape.ffn_bias}}};
}

int64_t n_parameter_tensors(const ModelShape& shape) {
  int64_t n = 0;
  for (const ParameterUnit& unit : parameter_units(shape))
    n += static_cast<int64_t>(unit.tensors.size());
  return n;
}

/// Of our own kernels.
int64_t kernel_scratch_bytes(const ModelShape& shape, int64_t n_rows) {
  const int64_t n_tensor = n_parameter_tensors(shape);
  int64_t bytes = std::max(
      {embedding_scratch_bytes(n_rows, shape.d_model), norm_scratch_bytes(n_rows, shape.d_model),
       statistics_scratch_bytes(n_tensor), segment_update_scratch_bytes(n_tensor)});
  if (shape.qk_norm)
    bytes = std::max(bytes,
                     qk_norm_scratch_bytes(n_rows, {shape.n_head, shape.n_kv_head, shape.d_head}));
  for (const Linear& linear : block_linears(shape))
    if (linear.has_bias) bytes = std::max(bytes, column_sum_scratch_bytes(n_rows, linear.N));
  return bytes;
}

void prepare_products(MatmulPlans& plans, const ModelShape& shape, int64_t n_rows, DType compute) {
  for (const Linear& linear : block_linears(shape))
    prepare_linear(plans, n_rows, linear.N, linear.K, compute, linear.has_bias);
  prepare_head_loss(plans, n_rows, head_chunk_tokens(shape.vocab_size, n_rows, kGpuHeadChunk),
                    shape.vocab_size, shape.d_model, compute);
}

}  // namespace

int64_t CudaOps::prepare(const ModelShape& shape, const BatchShape& batch) {
  const int64_t n_rows = batch.n_sequence * batch.seq_len;
  prepare_products(matmul_, shape, n_rows, compute_);
  if (shape.ffn == FfnType::standard && fuses(shape.activation, compute_, shape.d_ff))
    prepare_gelu_products(matmul_, n_rows, shape.d_ff, shape.d_model, compute_, shape.ffn_bias);
  const int64_t attention_bytes = prepare_attention(shape, batch);
  // The head holds its losses while its products run; all other ops have one or the other.
  return std::max({attention_bytes, kernel_scratch_bytes(shape, n_rows),
                   head_loss_scratch_bytes(n_rows) + aligned_bytes(matmul_.workspace_bytes())});
}

}  // namespace isoflop
