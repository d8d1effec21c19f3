// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/reduce.cuh"

#include <cmath>
#include <cstdint>

/// The norm of a row that `Threads` share: the lanes of a part of a warp for one head of queries or
/// keys (qk_norm.cu), a block for a token (norm.cu).
namespace isoflop::gpu {

struct RowStats {
  float mean;  ///< 0 for norms that do not centre
  float rstd;
};

/// stats is (M, 1) rstd, or (M, 2) mean and rstd when centred.
__device__ inline RowStats load_stats(const float* stats, int64_t row, bool centred) {
  return centred ? RowStats{stats[2 * row], stats[2 * row + 1]} : RowStats{0.0f, stats[row]};
}

__device__ inline void store_stats(float* stats, int64_t row, bool centred,
                                   const RowStats& of_row) {
  if (centred) stats[2 * row] = of_row.mean;
  stats[centred ? 2 * row + 1 : row] = of_row.rstd;
}

/// A row has kLanes neighbouring lanes of a warp.
template <int kLanes>
struct LanesOfRow {
  __device__ int index() const { return static_cast<int>(threadIdx.x) % kLanes; }
  __device__ int count() const { return kLanes; }
  __device__ float sum(float value) const { return warp_reduce<Sum, kLanes>(value); }
};

/// Calls f(column) for every pack of a row of C that is this thread's.
template <int kPack, typename Threads, typename F>
__device__ void for_columns(const Threads& threads, int64_t C, const F& f) {
  const int64_t stride = static_cast<int64_t>(threads.count()) * kPack;
  for (int64_t column = static_cast<int64_t>(threads.index()) * kPack; column < C; column += stride)
    f(column);
}

/// Of x; `sum` is that of the thread's columns.
template <int kPack, typename Threads, typename T>
__device__ RowStats row_stats(const Threads& threads, const T* x, float sum, int64_t C,
                              bool centred, float eps) {
  const float n = static_cast<float>(C);
  const float mean = centred ? threads.sum(sum) / n : 0.0f;
  float squares = 0;
  for_columns<kPack>(threads, C, [&](int64_t column) {
    const Pack<kPack> values = load<kPack>(x + column);
    for (int i = 0; i < kPack; ++i) squares += (values[i] - mean) * (values[i] - mean);
  });
  return {mean, 1.0f / sqrtf(threads.sum(squares) / n + eps)};
}

/// out = (x - mean) rstd weight [+ bias].
template <int kPack, typename Threads, typename T>
__device__ void normalise(const Threads& threads, T* out, const T* x, const T* weight,
                          const T* bias, const RowStats& stats, int64_t C) {
  for_columns<kPack>(threads, C, [&](int64_t column) {
    const Pack<kPack> values = load<kPack>(x + column), scale = load<kPack>(weight + column);
    Pack<kPack> result;
    for (int i = 0; i < kPack; ++i) result[i] = (values[i] - stats.mean) * stats.rstd * scale[i];
    if (bias != nullptr) {
      const Pack<kPack> shift = load<kPack>(bias + column);
      for (int i = 0; i < kPack; ++i) result[i] += shift[i];
    }
    store(out + column, result);
  });
}

/// What the gradient of a row is made of.
template <typename T>
struct GradientOperands {
  const T *d_out, *x, *weight;
  RowStats stats;
};

/// g = d_out weight and xhat of one pack.
template <int kPack>
struct Gradient {
  Pack<kPack> g, xhat;
};

template <int kPack, typename T>
__device__ Gradient<kPack> load_gradient(const GradientOperands<T>& row, int64_t column) {
  Gradient<kPack> result{load<kPack>(row.d_out + column), load<kPack>(row.x + column)};
  const Pack<kPack> weight = load<kPack>(row.weight + column);
  for (int i = 0; i < kPack; ++i) {
    result.g[i] *= weight[i];
    result.xhat[i] = (result.xhat[i] - row.stats.mean) * row.stats.rstd;
  }
  return result;
}

/// d_x = rstd (g - mean(g) - xhat mean(g xhat)); without mean(g) for norms that do not centre. d_x
/// may be d_out.
template <int kPack, typename Threads, typename T>
__device__ void norm_gradient(const Threads& threads, T* d_x, const GradientOperands<T>& row,
                              int64_t C, bool centred) {
  float sum_g = 0, sum_g_xhat = 0;
  for_columns<kPack>(threads, C, [&](int64_t column) {
    const Gradient<kPack> at = load_gradient<kPack>(row, column);
    for (int i = 0; i < kPack; ++i) {
      sum_g += at.g[i];
      sum_g_xhat += at.g[i] * at.xhat[i];
    }
  });
  const float n = static_cast<float>(C);
  const float mean_g = centred ? threads.sum(sum_g) / n : 0.0f;
  const float mean_g_xhat = threads.sum(sum_g_xhat) / n;
  for_columns<kPack>(threads, C, [&](int64_t column) {
    const Gradient<kPack> at = load_gradient<kPack>(row, column);
    Pack<kPack> result;
    for (int i = 0; i < kPack; ++i)
      result[i] = row.stats.rstd * (at.g[i] - mean_g - at.xhat[i] * mean_g_xhat);
    store(d_x + column, result);
  });
}

}  // namespace isoflop::gpu
