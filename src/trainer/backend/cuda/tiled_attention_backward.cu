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
  const int32_t* first_keys;
  gpu::DropoutMask dropout;
  float scale;
};

/// row_sum (B, n_head, T) = sum of out x d_out over a head; one warp per head of a token.
template <typename T>
__global__ void __launch_bounds__(kThreads) row_sum_kernel(const BackwardOperands<T> operands) {
  const Packed<const T>& qkv = operands.qkv;
  const int64_t row = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  const int64_t n_rows = qkv.batch_size * qkv.seq_len * qkv.n_head;
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x) % 32; row < n_rows && i < qkv.d_head; i += 32)
    sum += gpu::to_float(operands.out[row * qkv.d_head + i]) *
           gpu::to_float(operands.d_out[row * qkv.d_head + i]);
  sum = gpu::warp_sum(sum);
  const int64_t b = row / qkv.n_head / qkv.seq_len, t = row / qkv.n_head % qkv.seq_len;
  if (row < n_rows && threadIdx.x % 32 == 0)
    operands.row_sum[(b * qkv.n_head + row % qkv.n_head) * qkv.seq_len + t] = sum;
}

/// What the backward pass needs to know of a query's softmax; 0 for rows that do not exist.
struct RowStatistics {
  float lse = 0;
  float row_sum = 0;
};

template <typename T>
__device__ RowStatistics row_statistics(const BackwardOperands<T>& operands, int64_t b, int h,
                                        int64_t t) {
  const Packed<const T>& qkv = operands.qkv;
  if (t >= qkv.seq_len) return {};
  const int64_t i = (b * qkv.n_head + h) * qkv.seq_len + t;
  return {operands.lse[i], operands.row_sum[i]};
}

/// A block computes the gradients of kRows queries of one head, as forward_kernel their outputs.
template <typename T, int kLaneDims>
__global__ void __launch_bounds__(kThreads, kMinBlocks)
    query_kernel(const BackwardOperands<T> operands) {
  constexpr int kRowsPerWarp = Tiling<kLaneDims>::kRowsPerWarp;
  const Packed<const T>& qkv = operands.qkv;
  const int64_t seq_len = qkv.seq_len;
  const auto [b, h, g, begin] = query_block<kLaneDims>(qkv);
  const SharedParts<kLaneDims> shared;
  const int64_t first = begin + shared.first_row;
  load_rows<kLaneDims>(shared.set(0), qkv.query(b, h), begin, seq_len, operands.scale);
  load_rows<kLaneDims>(shared.set(1), output_head(operands.d_out, qkv, b, h), begin, seq_len, 1.0f);

  RowStatistics statistics[kRowsPerWarp];
  for (int r = 0; r < kRowsPerWarp; ++r) statistics[r] = row_statistics(operands, b, h, first + r);
  RowSums<kLaneDims> d_query;
  int first_keys[kRowsPerWarp];
  for (int r = 0; r < kRowsPerWarp; ++r)
    first_keys[r] = first_key_of(operands.first_keys, b, first + r, seq_len);
  for (int64_t keys = first_key_of(operands.first_keys, b, begin, seq_len) / kTile * kTile;
       keys < seq_len && keys < begin + Tiling<kLaneDims>::kRows; keys += kTile) {
    float d_p[kRowsPerWarp], scores[kRowsPerWarp];
    load_tile<kLaneDims>(shared.tile, qkv.value(b, g), keys, seq_len, 1.0f);
    multiply_by_tile<kLaneDims>(d_p, shared.warp_rows(1), shared.tile, shared.lane, qkv.d_head);
    load_tile<kLaneDims>(shared.tile, qkv.key(b, g), keys, seq_len, 1.0f);
    multiply_by_tile<kLaneDims>(scores, shared.warp_rows(0), shared.tile, shared.lane, qkv.d_head);
    drop(d_p, shared.weights(2), shared.lane, operands.dropout, [&](int r) {
      return dropout_factor(operands.dropout, qkv, b, h, first + r, keys + shared.lane);
    });
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const int64_t key = keys + shared.lane;
      const bool visible = key <= first + r && first + r < seq_len && key >= first_keys[r];
      const float p = visible ? expf(scores[r] - statistics[r].lse) : 0.0f;
      scores[r] = p * (d_p[r] - statistics[r].row_sum);
    }
    d_query.add_weighted(scores, shared.weights(2), shared.tile, shared.lane);
  }
  for (int r = 0; r < kRowsPerWarp; ++r)
    d_query.store(r, operands.d_qkv.query(b, h), first + r, seq_len, shared.lane, operands.scale);
}

/// Sums of the gradients of a warp's keys and values.
template <int kLaneDims>
struct KeyValueSums {
  RowSums<kLaneDims> d_key, d_value;
};

/// Adds what the queries of head h give to the gradients of the block's keys and values, rows
/// `begin` on, which lie in the shared sets 0 and 1. Tile by tile from the diagonal on to the last
/// query that sees one of them; a lane has one query.
template <typename T, int kLaneDims>
__device__ void add_queries(KeyValueSums<kLaneDims>& sums, const SharedParts<kLaneDims>& shared,
                            const BackwardOperands<T>& operands, int64_t b, int h, int64_t begin) {
  constexpr int kRowsPerWarp = Tiling<kLaneDims>::kRowsPerWarp;
  const Packed<const T>& qkv = operands.qkv;
  const HeadRows<const T> query = qkv.query(b, h);
  const HeadRows<const T> d_out = output_head(operands.d_out, qkv, b, h);
  const int64_t seq_len = qkv.seq_len, first = begin + shared.first_row;
  const int64_t end = begin + Tiling<kLaneDims>::kRows;
  for (int64_t queries = begin / kTile * kTile; queries < seq_len; queries += kTile) {
    if (first_key_of(operands.first_keys, b, queries, seq_len) >= end) break;
    float p[kRowsPerWarp], d_score[kRowsPerWarp];
    load_tile<kLaneDims>(shared.tile, query, queries, seq_len, operands.scale);
    multiply_by_tile<kLaneDims>(p, shared.warp_rows(0), shared.tile, shared.lane, qkv.d_head);
    load_tile<kLaneDims>(shared.tile, d_out, queries, seq_len, 1.0f);
    multiply_by_tile<kLaneDims>(d_score, shared.warp_rows(1), shared.tile, shared.lane, qkv.d_head);
    const int64_t t = queries + shared.lane;
    const RowStatistics statistics = row_statistics(operands, b, h, t);
    const int first_key = first_key_of(operands.first_keys, b, t, seq_len);
    const int last_key = t < seq_len ? static_cast<int>(t) : -1;
    float kept[kRowsPerWarp];
    for (int r = 0; r < kRowsPerWarp; ++r) kept[r] = 1.0f;
    drop(kept, shared.weights(2), shared.lane, operands.dropout,
         [&](int r) { return dropout_factor(operands.dropout, qkv, b, h, t, first + r); });
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const int key = static_cast<int>(first) + r;
      const bool visible = first_key <= key && key <= last_key;
      p[r] = visible ? expf(p[r] - statistics.lse) : 0.0f;
      d_score[r] = p[r] * (kept[r] * d_score[r] - statistics.row_sum);
      p[r] *= kept[r];
    }
    sums.d_value.add_weighted(p, shared.weights(2), shared.tile, shared.lane);
    load_tile<kLaneDims>(shared.tile, query, queries, seq_len, operands.scale);
    sums.d_key.add_weighted(d_score, shared.weights(2), shared.tile, shared.lane);
  }
}

/// A block computes the gradients of kRows keys and values of one key-value head: over the query
/// heads of its group in order.
template <typename T, int kLaneDims>
__global__ void __launch_bounds__(kThreads, kMinBlocks)
    key_value_kernel(const BackwardOperands<T> operands) {
  using Sizes = Tiling<kLaneDims>;
  const Packed<const T>& qkv = operands.qkv;
  const int64_t n_heads = qkv.batch_size * qkv.n_kv_head, seq_len = qkv.seq_len;
  const int64_t b = blockIdx.x % n_heads / qkv.n_kv_head;
  const int64_t begin = blockIdx.x / n_heads * Sizes::kRows;
  const int g = static_cast<int>(blockIdx.x % qkv.n_kv_head);
  const int group = qkv.n_head / qkv.n_kv_head;
  const SharedParts<kLaneDims> shared;
  load_rows<kLaneDims>(shared.set(0), qkv.key(b, g), begin, seq_len, 1.0f);
  load_rows<kLaneDims>(shared.set(1), qkv.value(b, g), begin, seq_len, 1.0f);

  KeyValueSums<kLaneDims> sums;
  for (int h = g * group; h < (g + 1) * group; ++h)
    add_queries(sums, shared, operands, b, h, begin);
  for (int r = 0; r < Sizes::kRowsPerWarp; ++r) {
    const int64_t row = begin + shared.first_row + r;
    sums.d_key.store(r, operands.d_qkv.key(b, g), row, seq_len, shared.lane, 1.0f);
    sums.d_value.store(r, operands.d_qkv.value(b, g), row, seq_len, shared.lane, 1.0f);
  }
}

template <typename T>
void launch_row_sum(cudaStream_t stream, const BackwardOperands<T>& operands) {
  const int64_t n_rows = operands.qkv.batch_size * operands.qkv.seq_len * operands.qkv.n_head;
  gpu::launch(stream,
              {.name = "tiled_attention_row_sum",
               .blocks = (n_rows + kWarps - 1) / kWarps,
               .threads = kThreads,
               .bytes = {2 * n_rows * operands.qkv.d_head * static_cast<int64_t>(sizeof(T)),
                         n_rows * static_cast<int64_t>(sizeof(float))}},
              row_sum_kernel<T>, operands);
}

template <typename T, int kLaneDims>
void launch_backward(cudaStream_t stream, const BackwardOperands<T>& operands, int64_t read_bytes) {
  const Packed<const T>& qkv = operands.qkv;
  const auto head_bytes =
      static_cast<int64_t>(sizeof(T)) * qkv.batch_size * qkv.seq_len * qkv.d_head;
  const auto launch = [&](const char* name, int n_head, int64_t n_gradient, auto kernel) {
    gpu::launch(stream,
                {.name = name,
                 .blocks = n_blocks<kLaneDims>(operands.qkv, n_head),
                 .threads = kThreads,
                 .shared_bytes = Tiling<kLaneDims>::shared_bytes(2),
                 .bytes = {read_bytes, n_gradient * head_bytes}},
                kernel, operands);
  };
  launch("tiled_attention_d_query", qkv.n_head, qkv.n_head, query_kernel<T, kLaneDims>);
  launch("tiled_attention_d_key_value", qkv.n_kv_head, 2 * qkv.n_kv_head,
         key_value_kernel<T, kLaneDims>);
}

}  // namespace

void backward(const Exec& exec, TensorView d_qkv, TensorView row_sum, TensorView d_out,
              TensorView qkv, TensorView out, TensorView lse, const AttentionParams& params) {
  check_attention(d_out, row_sum, d_qkv, params);
  check_attention(out, lse, qkv, params);
  const AttentionShape& heads = params.heads;
  check_shape(heads);
  gpu::with_dtype(qkv.dtype, [&]<typename T>() {
    const BackwardOperands<T> operands{.d_qkv = packed<T>(d_qkv, heads),
                                       .row_sum = row_sum.as<float>(),
                                       .d_out = static_cast<const T*>(d_out.data),
                                       .qkv = packed<const T>(qkv, heads),
                                       .out = static_cast<const T*>(out.data),
                                       .lse = lse.as<float>(),
                                       .first_keys = first_keys_of(params),
                                       .dropout = gpu::dropout_mask(params.dropout),
                                       .scale = scale_of(heads)};
    launch_row_sum(native_stream(exec), operands);
    with_lane_dims(heads.d_head, [&]<int kLaneDims>() {
      launch_backward<T, kLaneDims>(
          native_stream(exec), operands,
          qkv.bytes() + d_out.bytes() + 2 * lse.bytes() + params.first_keys.bytes());
    });
  });
}

}  // namespace isoflop::tiled_attention
