// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/tiled_attention.cuh"
#include "trainer/backend/op_contracts.hpp"

#include <cfloat>

namespace isoflop::tiled_attention {
namespace {

/// Softmax of a row over the keys seen so far (Milakov and Gimelshein, arXiv:1805.02867). The
/// largest score is the same in all lanes, the sum is over the lane's keys.
struct RunningSoftmax {
  float largest = -FLT_MAX;
  float lane_sum = 0;

  /// Takes in the lane's score, which becomes e^(score - largest); returns what earlier sums are
  /// multiplied by. A masked score is -infinity.
  __device__ float update(float& score) {
    const float new_largest = fmaxf(largest, gpu::warp_max(score));
    const float correction = expf(largest - new_largest);
    score = expf(score - new_largest);
    lane_sum = lane_sum * correction + score;
    largest = new_largest;
    return correction;
  }
};

template <typename T>
struct ForwardOperands {
  T* out;
  float* lse;
  Packed<const T> qkv;
  const int32_t* first_keys;
  gpu::DropoutMask dropout;
  float scale;
};

/// A block computes kRows queries of one head of one sequence. Reads the queries once and the keys
/// and values of all tiles from the first that one of them sees up to the diagonal.
template <typename T, int kLaneDims>
__global__ void __launch_bounds__(kThreads, kMinBlocks)
    forward_kernel(const ForwardOperands<T> operands) {
  constexpr int kRowsPerWarp = Tiling<kLaneDims>::kRowsPerWarp;
  const Packed<const T>& qkv = operands.qkv;
  const int64_t seq_len = qkv.seq_len;
  const auto [b, h, g, begin] = query_block<kLaneDims>(qkv);
  const SharedParts<kLaneDims> shared;
  const int64_t first = begin + shared.first_row;
  load_rows<kLaneDims>(shared.set(0), qkv.query(b, h), begin, seq_len, operands.scale);

  RunningSoftmax softmax[kRowsPerWarp];
  RowSums<kLaneDims> sums;
  for (int64_t keys = first_key_of(operands.first_keys, b, begin, seq_len) / kTile * kTile;
       keys < seq_len && keys < begin + Tiling<kLaneDims>::kRows; keys += kTile) {
    float scores[kRowsPerWarp];
    load_tile<kLaneDims>(shared.tile, qkv.key(b, g), keys, seq_len, 1.0f);
    multiply_by_tile<kLaneDims>(scores, shared.warp_rows(0), shared.tile, shared.lane, qkv.d_head);
    for (int r = 0; r < kRowsPerWarp; ++r) {
      const int64_t key = keys + shared.lane;
      if (key > first + r || key < first_key_of(operands.first_keys, b, first + r, seq_len))
        scores[r] = -INFINITY;
      sums.scale(r, softmax[r].update(scores[r]));
    }
    drop(scores, shared.weights(1), shared.lane, operands.dropout, [&](int r) {
      return dropout_factor(operands.dropout, qkv, b, h, first + r, keys + shared.lane);
    });
    load_tile<kLaneDims>(shared.tile, qkv.value(b, g), keys, seq_len, 1.0f);
    sums.add_weighted(scores, shared.weights(1), shared.tile, shared.lane);
  }

  const HeadRows<T> out = output_head(operands.out, qkv, b, h);
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const float sum = gpu::warp_sum(softmax[r].lane_sum);
    sums.store(r, out, first + r, seq_len, shared.lane, 1.0f / sum);
    if (shared.lane == 0 && first + r < seq_len)
      operands.lse[(b * qkv.n_head + h) * seq_len + first + r] = softmax[r].largest + logf(sum);
  }
}

template <typename T, int kLaneDims>
void launch_forward(cudaStream_t stream, const ForwardOperands<T>& operands,
                    const gpu::KernelBytes& bytes) {
  gpu::launch(stream,
              {.name = "tiled_attention_forward",
               .blocks = n_blocks<kLaneDims>(operands.qkv, operands.qkv.n_head),
               .threads = kThreads,
               .shared_bytes = Tiling<kLaneDims>::shared_bytes(1),
               .bytes = bytes},
              forward_kernel<T, kLaneDims>, operands);
}

}  // namespace

void forward(const Exec& exec, TensorView out, TensorView lse, TensorView qkv,
             const AttentionParams& params) {
  check_attention(out, lse, qkv, params);
  const AttentionShape& heads = params.heads;
  check_shape(heads);
  gpu::with_dtype(qkv.dtype, [&]<typename T>() {
    with_lane_dims(heads.d_head, [&]<int kLaneDims>() {
      launch_forward<T, kLaneDims>(
          native_stream(exec),
          {.out = static_cast<T*>(out.data),
           .lse = lse.as<float>(),
           .qkv = packed<const T>(qkv, heads),
           .first_keys = first_keys_of(params),
           .dropout = gpu::dropout_mask(params.dropout),
           .scale = scale_of(heads)},
          {qkv.bytes() + params.first_keys.bytes(), out.bytes() + lse.bytes()});
    });
  });
}

}  // namespace isoflop::tiled_attention
