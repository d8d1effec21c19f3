// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/dropout.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/reduce.cuh"
#include "trainer/backend/cuda/tiled_attention.hpp"

#include <cmath>
#include <cstdint>

/// What the passes of tiled attention share. A block owns some rows (queries, or keys with their
/// values) and walks over tiles of 32 rows of the other side, which all its warps read from shared
/// memory. Each warp works on a few rows of its own: products of a row with the tile have one lane
/// per row of the tile, sums over the tile have the lanes share the width of a head. Rows are f32
/// and padded with zeros to a multiple of 32 elements.
namespace isoflop::tiled_attention {

/// Rows of a tile: one per lane.
inline constexpr int kTile = 32;
inline constexpr int kWarps = 4;
inline constexpr int kThreads = kWarps * 32;
/// Blocks that share a multiprocessor: leaves each thread 168 registers, which none of the passes
/// exceeds.
inline constexpr int kMinBlocks = 3;

/// Sizes for heads of up to 32 kLaneDims elements: lane l has elements l + 32 j of a row. All
/// passes stay within 48 KiB of shared memory.
template <int kLaneDims>
struct Tiling {
  static constexpr int kWidth = 32 * kLaneDims;
  static constexpr int kRowsPerWarp = kLaneDims <= 4 ? 4 : 1;
  static constexpr int kRows = kWarps * kRowsPerWarp;  ///< rows that a block owns
  /// Shared memory of a pass that keeps `n_sets` sets of the block's rows.
  static constexpr int64_t shared_bytes(int n_sets) {
    return int64_t{4} * (kTile * kWidth + n_sets * kRows * kWidth + kRows * kTile);
  }
};

/// Rows of one head of one sequence: T x width elements of T rows.
template <typename T>
struct HeadRows {
  T* data;
  int64_t stride;
  int width;
  __device__ T* row(int64_t t) const { return data + t * stride; }
};

/// Packed queries, keys and values (B, T, n_head + 2 n_kv_head, d_head), or their gradients.
template <typename T>
struct Packed {
  T* data;
  int64_t batch_size, seq_len;
  int n_head, n_kv_head, d_head;

  __device__ HeadRows<T> query(int64_t b, int h) const { return slot(b, h); }
  __device__ HeadRows<T> key(int64_t b, int g) const { return slot(b, n_head + g); }
  __device__ HeadRows<T> value(int64_t b, int g) const { return slot(b, n_head + n_kv_head + g); }

 private:
  __device__ HeadRows<T> slot(int64_t b, int i) const {
    const int64_t stride = int64_t{n_head + 2 * n_kv_head} * d_head;
    return {data + b * seq_len * stride + int64_t{i} * d_head, stride, d_head};
  }
};

/// Rows of query head h in a tensor (B, T, n_head, d_head).
template <typename T, typename U>
__device__ HeadRows<T> output_head(T* data, const Packed<U>& shape, int64_t b, int h) {
  const int64_t stride = int64_t{shape.n_head} * shape.d_head;
  return {data + b * shape.seq_len * stride + int64_t{h} * shape.d_head, stride, shape.d_head};
}

/// The queries [begin, begin + kRows) of head h in sequence b, which see keys and values of head g.
struct QueryBlock {
  int64_t b;
  int h, g;
  int64_t begin;
};

/// The block's; those with the most keys come first.
template <int kLaneDims, typename T>
__device__ QueryBlock query_block(const Packed<T>& qkv) {
  const int64_t n_heads = qkv.batch_size * qkv.n_head;
  const int h = static_cast<int>(blockIdx.x % qkv.n_head);
  return {.b = blockIdx.x % n_heads / qkv.n_head,
          .h = h,
          .g = h / (qkv.n_head / qkv.n_kv_head),
          .begin = (gridDim.x / n_heads - 1 - blockIdx.x / n_heads) * Tiling<kLaneDims>::kRows};
}

/// The first key that query t of sequence b sees; queries that do not exist see what the last one
/// sees. first_keys (B, T) or null: 0.
__device__ inline int first_key_of(const int32_t* first_keys, int64_t b, int64_t t,
                                   int64_t seq_len) {
  return first_keys == nullptr ? 0 : first_keys[b * seq_len + (t < seq_len ? t : seq_len - 1)];
}

/// Where element (row, column) of a tile lies: groups of four are permuted within a row, so that
/// 16-byte reads of one column by the lanes (one row each) meet different banks.
template <int kLaneDims>
__device__ int tile_index(int row, int column) {
  return row * Tiling<kLaneDims>::kWidth + ((column / 4 ^ (row & 7)) * 4 + column % 4);
}

/// Lane l loads elements l + 32 j of row t of a head, times `factor`, and calls put(column,
/// element) for each; elements outside of the head's width, and rows from `end` on, are 0.
template <int kLaneDims, typename T, typename F>
__device__ void load_row(const HeadRows<T>& head, int64_t t, int64_t end, float factor,
                         const F& put) {
  const T* const row = head.row(t);
  const int width = t < end ? head.width : 0;
  for (int j = 0; j < kLaneDims; ++j) {
    const int column = static_cast<int>(threadIdx.x) % 32 + 32 * j;
    put(column, column < width ? factor * gpu::to_float(row[column]) : 0.0f);
  }
}

/// The block loads rows [begin, begin + kTile) of a head, times `factor`. The tile's last readers
/// and its next readers are kept apart by barriers here.
template <int kLaneDims, typename T>
__device__ void load_tile(float* tile, const HeadRows<T>& head, int64_t begin, int64_t end,
                          float factor) {
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x) / 32; i < kTile; i += kWarps)
    load_row<kLaneDims>(head, begin + i, end, factor, [&](int column, float element) {
      tile[tile_index<kLaneDims>(i, column)] = element;
    });
  __syncthreads();
}

/// The block loads the rows it owns, from `begin`; load_tile's barriers come before their use.
template <int kLaneDims, typename T>
__device__ void load_rows(float* rows, const HeadRows<T>& head, int64_t begin, int64_t end,
                          float factor) {
  using Sizes = Tiling<kLaneDims>;
  for (int i = static_cast<int>(threadIdx.x) / 32; i < Sizes::kRows; i += kWarps)
    load_row<kLaneDims>(head, begin + i, end, factor, [&](int column, float element) {
      rows[i * Sizes::kWidth + column] = element;
    });
}

/// The lane's products of the warp's rows with its row of the tile. n_columns: d_head.
template <int kLaneDims>
__device__ void multiply_by_tile(float (&products)[Tiling<kLaneDims>::kRowsPerWarp],
                                 const float* rows, const float* tile, int lane, int n_columns) {
  using Sizes = Tiling<kLaneDims>;
  for (int r = 0; r < Sizes::kRowsPerWarp; ++r) products[r] = 0;
  for (int column = 0; column < n_columns; column += 4) {
    const gpu::Pack<4> b = gpu::load<4>(tile + tile_index<kLaneDims>(lane, column));
    for (int r = 0; r < Sizes::kRowsPerWarp; ++r) {
      const gpu::Pack<4> a = gpu::load<4>(rows + r * Sizes::kWidth + column);
      for (int i = 0; i < 4; ++i) products[r] = fmaf(a[i], b[i], products[r]);
    }
  }
}

/// Sums over rows of tiles, one per row of the warp; the lane's elements of each.
template <int kLaneDims>
struct RowSums {
  static constexpr int kRows = Tiling<kLaneDims>::kRowsPerWarp;
  float at[kRows][kLaneDims] = {};

  __device__ void scale(int r, float factor) {
    for (int j = 0; j < kLaneDims; ++j) at[r][j] *= factor;
  }

  /// at[r] += sum over the tile's rows of weight x row. Each lane brings the weights of its row of
  /// the tile; they are exchanged through the warp's part of `shared` (kRows x kTile).
  __device__ void add_weighted(const float (&weights)[kRows], float* shared, const float* tile,
                               int lane) {
    __syncwarp();
    for (int r = 0; r < kRows; ++r) shared[r * kTile + lane] = weights[r];
    __syncwarp();
    for (int k = 0; k < kTile; k += 4) {
      gpu::Pack<4> weight[kRows];
      for (int r = 0; r < kRows; ++r) weight[r] = gpu::load<4>(shared + r * kTile + k);
      for (int i = 0; i < 4; ++i) add_row(weight, i, tile, k + i, lane);
    }
  }

  /// Writes factor x row r to `row` of a head; rows from `end` on do not exist.
  template <typename T>
  __device__ void store(int r, const HeadRows<T>& head, int64_t row, int64_t end, int lane,
                        float factor) const {
    if (row >= end) return;
    for (int j = 0; j < kLaneDims; ++j)
      if (lane + 32 * j < head.width)
        head.row(row)[lane + 32 * j] = gpu::from_float<T>(factor * at[r][j]);
  }

 private:
  /// at[r] += weight[r][i] x row k of the tile.
  __device__ void add_row(const gpu::Pack<4> (&weight)[kRows], int i, const float* tile, int k,
                          int lane) {
    for (int j = 0; j < kLaneDims; ++j) {
      const float element = tile[tile_index<kLaneDims>(k, lane + 32 * j)];
      for (int r = 0; r < kRows; ++r) at[r][j] = fmaf(weight[r][i], element, at[r][j]);
    }
  }
};

/// The block's shared memory and the warp's place in it.
template <int kLaneDims>
struct SharedParts {
  using Sizes = Tiling<kLaneDims>;
  float* const tile = gpu::dynamic_shared<float>();
  float* const sets = tile + kTile * Sizes::kWidth;  ///< of rows, kRows x kWidth each
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int first_row = static_cast<int>(threadIdx.x) / 32 * Sizes::kRowsPerWarp;  ///< the warp's

  __device__ float* set(int i) const { return sets + i * Sizes::kRows * Sizes::kWidth; }
  __device__ const float* warp_rows(int i) const { return set(i) + first_row * Sizes::kWidth; }
  /// Exchange of weights, behind the last set.
  __device__ float* weights(int n_sets) const { return set(n_sets) + first_row * kTile; }
};

/// What the probability that query t of sequence b gives to a key is multiplied by under dropout.
template <typename T>
__device__ float dropout_factor(const gpu::DropoutMask& mask, const Packed<T>& qkv, int64_t b,
                                int h, int64_t t, int64_t key) {
  return mask.factors<1>(b * qkv.seq_len + t, static_cast<uint32_t>(h), key)[0];
}

/// values[r] *= factor_of(r) for the warp's rows, under dropout. They wait in the lane's own places
/// in the exchange of weights while random words are computed in a loop: in registers, and with the
/// loop unrolled, they would take more of these than there are.
template <int kRows, typename F>
__device__ void drop(float (&values)[kRows], float* shared, int lane, const gpu::DropoutMask& mask,
                     const F& factor_of) {
  if (!mask.is_on()) return;
  __syncwarp();  // earlier weights may still be read
  for (int r = 0; r < kRows; ++r) shared[r * kTile + lane] = values[r];
#pragma unroll 1
  for (int r = 0; r < kRows; ++r) shared[r * kTile + lane] *= factor_of(r);
  for (int r = 0; r < kRows; ++r) values[r] = shared[r * kTile + lane];
}

/// Calls f.template operator()<kLaneDims>() with the narrowest tiling that holds d_head.
template <typename F>
void with_lane_dims(int64_t d_head, const F& f) {
  if (d_head <= 32) return f.template operator()<1>();
  if (d_head <= 64) return f.template operator()<2>();
  if (d_head <= 128) return f.template operator()<4>();
  f.template operator()<8>();
}

inline float scale_of(const AttentionShape& heads) {
  return 1.0f / std::sqrt(static_cast<float>(heads.d_head));
}

/// Blocks of rows in all heads of all sequences, n_head of them in each.
template <int kLaneDims, typename T>
int64_t n_blocks(const Packed<T>& qkv, int n_head) {
  constexpr int64_t kRows = Tiling<kLaneDims>::kRows;
  return (qkv.seq_len + kRows - 1) / kRows * qkv.batch_size * n_head;
}

inline const int32_t* first_keys_of(const AttentionParams& params) {
  return params.first_keys ? params.first_keys.as<int32_t>() : nullptr;
}

template <typename T>
Packed<T> packed(const TensorView& qkv, const AttentionShape& heads) {
  return {.data = static_cast<T*>(qkv.data),
          .batch_size = qkv.extent(0),
          .seq_len = qkv.extent(1),
          .n_head = static_cast<int>(heads.n_head),
          .n_kv_head = static_cast<int>(heads.n_kv_head),
          .d_head = static_cast<int>(heads.d_head)};
}

}  // namespace isoflop::tiled_attention
