// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/architecture.hpp"
#include "trainer/backend/cpu/element.hpp"

#include <cmath>
#include <cstdint>

/// One row of a norm of n elements: the loops that the ops which norm compile for several
/// processors. Statistics are those of the row as stored, which the backward pass will see.
namespace isoflop::norm_row {

struct Stats {
  float mean = 0;  ///< 0 for norms that do not centre
  float rstd = 0;
};

/// As Ops stores them: rstd, or mean and rstd.
inline Stats load_stats(const float* stored, bool centred) {
  return centred ? Stats{stored[0], stored[1]} : Stats{0, stored[0]};
}

inline void store_stats(float* stored, const Stats& stats, bool centred) {
  if (centred) *stored++ = stats.mean;
  *stored = stats.rstd;
}

/// Of a row before its mean is known.
struct Sums {
  float sum = 0;
  float squares = 0;
};

template <typename T>
ISOFLOP_INLINE Sums sums_of(const T* x, int64_t n) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum, squares)
  for (int64_t c = 0; c < n; ++c) {
    const float value = to_float(x[c]);
    sum += value;
    squares += value * value;
  }
  return {sum, squares};
}

/// Squares are summed about the mean in a second pass, since sum(x^2) - n mean^2 would cancel.
template <typename T>
ISOFLOP_INLINE Stats finish_stats(const Sums& sums, const T* x, int64_t n, bool centred,
                                  float eps) {
  const float size = static_cast<float>(n), mean = centred ? sums.sum / size : 0.0f;
  float squares = sums.squares;
  if (centred) {
    squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < n; ++c) squares += (to_float(x[c]) - mean) * (to_float(x[c]) - mean);
  }
  return {mean, 1.0f / std::sqrt(squares / size + eps)};
}

/// out = xhat weight + bias; bias may be null.
template <typename T>
ISOFLOP_INLINE void normalise(T* out, const T* x, const T* weight, const T* bias,
                              const Stats& stats, int64_t n) {
  const auto [mean, rstd] = stats;
  if (bias == nullptr) {
#pragma omp simd
    for (int64_t c = 0; c < n; ++c)
      out[c] = from_float<T>((to_float(x[c]) - mean) * rstd * to_float(weight[c]));
  } else {
#pragma omp simd
    for (int64_t c = 0; c < n; ++c)
      out[c] =
          from_float<T>((to_float(x[c]) - mean) * rstd * to_float(weight[c]) + to_float(bias[c]));
  }
}

/// What the backward pass reads of a row and where it adds the gradients of weight and bias (null
/// without bias).
template <typename T>
struct Backward {
  const T *d_out, *x, *weight;
  float *d_weight, *d_bias;
};

/// d_x = before + rstd (g - mean(g) - xhat mean(g xhat)), g = d_out weight, without mean(g) for
/// norms that do not centre; `before` is d_x where kAdd is set, else 0. d_x may be d_out.
template <bool kAdd, typename T>
ISOFLOP_INLINE void backward(T* d_x, const Backward<T>& row, const Stats& stats, int64_t n,
                             bool centred) {
  const auto [d_out, x, weight, d_weight, d_bias] = row;
  const auto [mean, rstd] = stats;
  float sum_g = 0, sum_g_xhat = 0;
#pragma omp simd reduction(+ : sum_g, sum_g_xhat)
  for (int64_t c = 0; c < n; ++c) {
    const float g = to_float(d_out[c]) * to_float(weight[c]);
    sum_g += g;
    sum_g_xhat += g * ((to_float(x[c]) - mean) * rstd);
  }
  const float mean_g = centred ? sum_g / static_cast<float>(n) : 0.0f;
  const float mean_g_xhat = sum_g_xhat / static_cast<float>(n);
  if (d_bias != nullptr) {
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) d_bias[c] += to_float(d_out[c]);
  }
#pragma omp simd
  for (int64_t c = 0; c < n; ++c) {
    const float gradient = to_float(d_out[c]), xhat = (to_float(x[c]) - mean) * rstd;
    const float before = kAdd ? to_float(d_x[c]) : 0.0f;
    d_weight[c] += gradient * xhat;
    d_x[c] = from_float<T>(before +
                           rstd * (gradient * to_float(weight[c]) - mean_g - xhat * mean_g_xhat));
  }
}

}  // namespace isoflop::norm_row
