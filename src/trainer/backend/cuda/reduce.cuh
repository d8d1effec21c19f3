// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

/// Sums and maxima over a warp or a block, of float or double, in a fixed order. Every thread must
/// take part and gets the result, the same bits in all of them.
namespace isoflop::gpu {

inline constexpr int kWarpSize = 32;
inline constexpr unsigned kFullWarp = 0xffffffffu;
/// Warps of the largest block: the elements of scratch that a block's reduction may use.
inline constexpr int kMaxWarps = 32;
/// Of shared memory for reductions of double.
inline constexpr int64_t kReduceBytes = kMaxWarps * sizeof(double);

struct Sum {
  template <typename T>
  __device__ static T join(T a, T b) {
    return a + b;
  }
};

struct Max {
  template <typename T>
  __device__ static T join(T a, T b) {
    return a > b ? a : b;
  }
};

/// Joins the values of the kWidth (a power of 2) neighbours that a thread belongs to.
template <typename Join, int kWidth = kWarpSize, typename T>
__device__ T warp_reduce(T value) {
  for (int offset = kWidth / 2; offset > 0; offset /= 2)
    value = Join::join(value, __shfl_xor_sync(kFullWarp, value, offset));
  return value;
}

/// `scratch` is shared memory of one element per warp, free to be used again by the next reduction
/// at once; the block is whole warps.
template <typename Join, typename T>
__device__ T block_reduce(T value, T* scratch) {
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int n_warp = static_cast<int>(blockDim.x) / kWarpSize;
  value = warp_reduce<Join>(value);
  __syncthreads();  // an earlier reduction may still be read
  if (threadIdx.x % kWarpSize == 0) scratch[warp] = value;
  __syncthreads();
  value = scratch[0];
  for (int i = 1; i < n_warp; ++i) value = Join::join(value, scratch[i]);
  return value;
}

template <typename T>
__device__ T warp_sum(T value) {
  return warp_reduce<Sum>(value);
}
template <typename T>
__device__ T warp_max(T value) {
  return warp_reduce<Max>(value);
}
template <typename T>
__device__ T block_sum(T value, T* scratch) {
  return block_reduce<Sum>(value, scratch);
}
template <typename T>
__device__ T block_max(T value, T* scratch) {
  return block_reduce<Max>(value, scratch);
}

}  // namespace isoflop::gpu
