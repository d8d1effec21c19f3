// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/tiled_attention.cuh"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop::tiled_attention {
namespace {

template <typename T>
struct BackwardOperands {
  Packed<T> d_qkv;
  float* row_sum;
  const T* d_out;
  Packed<const T> qkv;
  const T* out;
  const float* lse;
  float scale;
  int64_t n_sequences;
};

/// row_sum (B, n_head, T) = sum of out x d_out over a head; one warp per head of a token.
template <typename T>
__global__ void __launch_bounds__(kThreads) row_sum_kernel(const BackwardOperands<T> operands) {
  const Packed<const T>& qkv = operands.qkv;
  const int64_t row = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  const int64_t n_rows = operands.n_sequences * qkv.seq_len * qkv.n_head;
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x) % 32; row < n_rows && i < qkv.d_head; i += 32)
    sum += gpu::to_float(operands.out[row * qkv.d_head + i]) *
           gpu::to_float(operands.d_out[row * qkv.d_head + i]);
  sum = gpu::warp_sum(sum);
  const int64_t b = row / qkv.n_head / qkv.seq_len, t = row / qkv.n_head % qkv.seq_len;
  if (row < n_rows && threadIdx.x % 32 == 0)
    operands.row_sum[(b * qkv.n_head + row % qkv.n_head) * qkv.seq_len + t] = sum;
}

/// A block computes the gradients of kRows queries of one head, as forward_kernel its outputs.
template <typename T, int kLaneDims>
__global__ void __launch_bounds__(kThreads, kMinBlocks)
    query_kernel(const BackwardOperands<T> operands) {
  using Sizes = Tiling<kLaneDims>;
  const Packed<const T>& qkv = operands.qkv;
  const int64_t n_heads = operands.n_sequences * qkv.n_head, T_ = qkv.seq_len;
  const int64_t b = blockIdx.x % n_heads / qkv.n_head;
  const int h = static_cast<int>(blockIdx.x % qkv.n_head);
  const int g = h / (qkv.n_head / qkv.n_kv_head);
  const int64_t begin = (gridDim.x / n_heads - 1 - blockIdx.x / n_heads) * Sizes::kRows;

  const SharedParts<kLaneDims> shared;
  load_rows<kLaneDims>(shared.set(0), qkv.query(b, h), begin, T_, operands.scale);
  load_rows<kLaneDims>(shared.set(1), output_head(operands.d_out, qkv, b, h), begin, T_, 1.0f);
  const int64_t first = begin + shared.first_row;
  float lse[Sizes::kRowsPerWarp], row_sum[Sizes::kRowsPerWarp];
  for (int r = 0; r < Sizes::kRowsPerWarp; ++r) {
    const int64_t i = (b * qkv.n_head + h) * T_ + first + r;
    lse[r] = first + r < T_ ? operands.lse[i] : 0.0f;
    row_sum[r] = first + r < T_ ? operands.row_sum[i] : 0.0f;
  }
  RowSums<kLaneDims> d_query;
  for (int64_t keys = 0; keys < T_ && keys < begin + Sizes::kRows; keys += kTile) {
    float d_p[Sizes::kRowsPerWarp], scores[Sizes::kRowsPerWarp];
    load_tile<kLaneDims>(shared.tile, qkv.value(b, g), keys, T_, 1.0f);
    multiply_by_tile<kLaneDims>(d_p, shared.warp_rows(1), shared.tile, shared.lane, qkv.d_head);
    load_tile<kLaneDims>(shared.tile, qkv.key(b, g), keys, T_, 1.0f);
    multiply_by_tile<kLaneDims>(scores, shared.warp_rows(0), shared.tile, shared.lane, qkv.d_head);
    for (int r = 0; r < Sizes::kRowsPerWarp; ++r) {
      const bool visible = keys + shared.lane <= first + r && first + r < T_;
      scores[r] = visible ? expf(scores[r] - lse[r]) * (d_p[r] - row_sum[r]) : 0.0f;
    }
    d_query.add_weighted(scores, shared.weights(2), shared.tile, shared.lane);
  }
  for (int r = 0; r < Sizes::kRowsPerWarp; ++r)
    d_query.store(r, operands.d_qkv.query(b, h), first + r, T_, shared.lane, operands.scale);
}

/// A block computes the gradients of kRows keys and values of one key-value head: over its query
/// heads in order, and in each over the queries from the diagonal on. A lane has one query.
template <typename T, int kLaneDims>
__global__ void __launch_bounds__(kThreads, kMinBlocks)
    key_value_kernel(const BackwardOperands<T> operands) {
  using Sizes = Tiling<kLaneDims>;
  const Packed<const T>& qkv = operands.qkv;
  const int64_t n_heads = operands.n_sequences * qkv.n_kv_head, T_ = qkv.seq_len;
  const int64_t b = blockIdx.x % n_heads / qkv.n_kv_head;
  const int g = static_cast<int>(blockIdx.x % qkv.n_kv_head);
  const int group = qkv.n_head / qkv.n_kv_head;
  const int64_t begin = blockIdx.x / n_heads * Sizes::kRows;

  const SharedParts<kLaneDims> shared;
  load_rows<kLaneDims>(shared.set(0), qkv.key(b, g), begin, T_, 1.0f);
  load_rows<kLaneDims>(shared.set(1), qkv.value(b, g), begin, T_, 1.0f);
  const int64_t first = begin + shared.first_row;
  RowSums<kLaneDims> d_key, d_value;
  for (int h = g * group; h < (g + 1) * group; ++h) {
    const HeadRows<const T> query = qkv.query(b, h);
    const HeadRows<const T> d_out = output_head(operands.d_out, qkv, b, h);
    for (int64_t queries = begin / kTile * kTile; queries < T_; queries += kTile) {
      float p[Sizes::kRowsPerWarp], d_score[Sizes::kRowsPerWarp];
      const int64_t t = queries + shared.lane, i = (b * qkv.n_head + h) * T_ + t;
      load_tile<kLaneDims>(shared.tile, query, queries, T_, operands.scale);
      multiply_by_tile<kLaneDims>(p, shared.warp_rows(0), shared.tile, shared.lane, qkv.d_head);
      load_tile<kLaneDims>(shared.tile, d_out, queries, T_, 1.0f);
      multiply_by_tile<kLaneDims>(d_score, shared.warp_rows(1), shared.tile, shared.lane,
                                  qkv.d_head);
      const float lse = t < T_ ? operands.lse[i] : 0.0f;
      const float row_sum = t < T_ ? operands.row_sum[i] : 0.0f;
      for (int r = 0; r < Sizes::kRowsPerWarp; ++r) {
        p[r] = first + r <= t && t < T_ ? expf(p[r] - lse) : 0.0f;
        d_score[r] = p[r] * (d_score[r] - row_sum);
      }
      d_value.add_weighted(p, shared.weights(2), shared.tile, shared.lane);
      load_tile<kLaneDims>(shared.tile, query, queries, T_, operands.scale);
      d_key.add_weighted(d_score, shared.weights(2), shared.tile, shared.lane);
    }
  }
  for (int r = 0; r < Sizes::kRowsPerWarp; ++r) {
    d_key.store(r, operands.d_qkv.key(b, g), first + r, T_, shared.lane, 1.0f);
    d_value.store(r, operands.d_qkv.value(b, g), first + r, T_, shared.lane, 1.0f);
  }
}

template <typename T>
void launch_row_sum(cudaStream_t stream, const BackwardOperands<T>& operands) {
  const int64_t n_rows = operands.n_sequences * operands.qkv.seq_len * operands.qkv.n_head;
  gpu::launch(stream,
              {.name = "tiled_attention_row_sum",
               .blocks = (n_rows + kWarps - 1) / kWarps,
               .threads = kThreads},
              row_sum_kernel<T>, operands);
}

template <typename T, int kLaneDims>
void launch_backward(cudaStream_t stream, const BackwardOperands<T>& operands) {
  using Sizes = Tiling<kLaneDims>;
  const int64_t n_tiles = (operands.qkv.seq_len + Sizes::kRows - 1) / Sizes::kRows;
  const auto launch = [&](const char* name, int n_head, auto kernel) {
    gpu::launch(stream,
                {.name = name,
                 .blocks = n_tiles * operands.n_sequences * n_head,
                 .threads = kThreads,
                 .shared_bytes = Sizes::shared_bytes(2)},
                kernel, operands);
  };
  launch("tiled_attention_d_query", operands.qkv.n_head, query_kernel<T, kLaneDims>);
  launch("tiled_attention_d_key_value", operands.qkv.n_kv_head, key_value_kernel<T, kLaneDims>);
}

}  // namespace

void backward(const Exec& exec, TensorView d_qkv, TensorView row_sum, TensorView d_out,
              TensorView qkv, TensorView out, TensorView lse, const AttentionShape& heads) {
  check_attention(d_out, row_sum, d_qkv, heads);
  check_attention(out, lse, qkv, heads);
  check_shape(heads);
  gpu::with_dtype(qkv.dtype, [&]<typename T>() {
    const BackwardOperands<T> operands{.d_qkv = packed<T>(d_qkv, heads),
                                       .row_sum = row_sum.as<float>(),
                                       .d_out = static_cast<const T*>(d_out.data),
                                       .qkv = packed<const T>(qkv, heads),
                                       .out = static_cast<const T*>(out.data),
                                       .lse = lse.as<float>(),
                                       .scale = scale_of(heads),
                                       .n_sequences = qkv.extent(0)};
    launch_row_sum(native_stream(exec), operands);
    with_lane_dims(heads.d_head, [&]<int kLaneDims>() {
      launch_backward<T, kLaneDims>(native_stream(exec), operands);
    });
  });
}

}  // namespace isoflop::tiled_attention
