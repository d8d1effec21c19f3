// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/reduce.cuh"

#include <cuda_runtime.h>

#include <cstdint>

/// Which part of an array a thread takes.
namespace isoflop::gpu {

/// Threads of a block where nothing else decides.
inline constexpr int kThreads = 256;

/// Parts of `part` elements that cover n.
constexpr int64_t n_parts(int64_t n, int64_t part) { return (n + part - 1) / part; }

/// Blocks of kThreads threads, per_thread elements each, that cover n elements.
constexpr int64_t blocks_for(int64_t n, int64_t per_thread = 1) {
  return n_parts(n, per_thread * kThreads);
}

/// Whole warps, at most kThreads threads, that take n items one each as far as they go.
constexpr int threads_for(int64_t n) {
  return n >= kThreads ? kThreads : static_cast<int>(n_parts(n > 0 ? n : 1, kWarpSize)) * kWarpSize;
}

/// The thread's number within the grid.
__device__ inline int64_t global_thread() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

}  // namespace isoflop::gpu
