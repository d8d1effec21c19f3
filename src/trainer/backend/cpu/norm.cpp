// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

/// Columns a thread takes at least in the weight gradient: one cache line.
constexpr int64_t kColumns = 16;

struct RowStats {
  float mean = 0;  ///< 0 for rmsnorm, which does not centre
  float rstd = 0;
};

RowStats load_stats(const float* stored, NormKind kind) {
  return kind == NormKind::rmsnorm ? RowStats{0, stored[0]} : RowStats{stored[0], stored[1]};
}

void store_stats(float* stored, const RowStats& stats, NormKind kind) {
  if (kind != NormKind::rmsnorm) *stored++ = stats.mean;
  *stored = stats.rstd;
}

ISOFLOP_VECTORISE void add_rows(float* out, const float* a, const float* b, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

ISOFLOP_VECTORISE RowStats compute_stats(const float* x, int64_t C, NormKind kind, float eps) {
  const float n = static_cast<float>(C);
  float mean = 0;
  if (kind != NormKind::rmsnorm) {
#pragma omp simd reduction(+ : mean)
    for (int64_t c = 0; c < C; ++c) mean += x[c];
    mean /= n;
  }
  float sum_of_squares = 0;
#pragma omp simd reduction(+ : sum_of_squares)
  for (int64_t c = 0; c < C; ++c) sum_of_squares += (x[c] - mean) * (x[c] - mean);
  return {mean, 1.0f / std::sqrt(sum_of_squares / n + eps)};
}

ISOFLOP_VECTORISE void normalise(float* out, const float* x, const float* weight, const float* bias,
                                 RowStats stats, int64_t C) {
  if (bias != nullptr) {
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) out[c] = (x[c] - stats.mean) * stats.rstd * weight[c] + bias[c];
  } else {
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) out[c] = (x[c] - stats.mean) * stats.rstd * weight[c];
  }
}

/// d_x += rstd (g - mean(g) - xhat mean(g xhat)), g = d_out weight; without mean(g) for rmsnorm.
ISOFLOP_VECTORISE void backward_row(float* d_x, const float* d_out, const float* x,
                                    const float* weight, RowStats stats, int64_t C, NormKind kind) {
  float sum_g = 0, sum_g_xhat = 0;
#pragma omp simd reduction(+ : sum_g, sum_g_xhat)
  for (int64_t c = 0; c < C; ++c) {
    const float g = d_out[c] * weight[c];
    sum_g += g;
    sum_g_xhat += g * ((x[c] - stats.mean) * stats.rstd);
  }
  const float mean_g = kind == NormKind::rmsnorm ? 0.0f : sum_g / static_cast<float>(C);
  const float mean_g_xhat = sum_g_xhat / static_cast<float>(C);
#pragma omp simd
  for (int64_t c = 0; c < C; ++c) {
    const float xhat = (x[c] - stats.mean) * stats.rstd;
    d_x[c] += stats.rstd * (d_out[c] * weight[c] - mean_g - xhat * mean_g_xhat);
  }
}

ISOFLOP_VECTORISE void add_weight_gradient(float* d_weight, const float* d_out, const float* x,
                                           RowStats stats, int64_t n) {
#pragma omp simd
  for (int64_t c = 0; c < n; ++c) d_weight[c] += d_out[c] * ((x[c] - stats.mean) * stats.rstd);
}

ISOFLOP_VECTORISE void add_bias_gradient(float* d_bias, const float* d_out, int64_t n) {
#pragma omp simd
  for (int64_t c = 0; c < n; ++c) d_bias[c] += d_out[c];
}

}  // namespace

void CpuOps::residual_norm_forward(const Exec& exec, TensorView residual, TensorView out,
                                   TensorView stats, TensorView residual_in, TensorView delta,
                                   TensorView weight, TensorView bias, const NormParams& params) {
  check_norm(residual, out, stats, weight, bias, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = out.extent(0), C = out.extent(1);
    const float* const bias_data = bias ? bias.as<float>() : nullptr;
    parallel_for(M, 1, M * C, [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        float* const x = residual.as<float>() + m * C;
        const float* const in = residual_in.as<float>() + m * C;
        if (delta)
          add_rows(x, in, delta.as<float>() + m * C, C);
        else if (x != in)
          std::copy_n(in, C, x);
        const RowStats row = compute_stats(x, C, params.kind, static_cast<float>(params.eps));
        store_stats(stats.as<float>() + m * stats.extent(1), row, params.kind);
        normalise(out.as<float>() + m * C, x, weight.as<float>(), bias_data, row, C);
      }
    });
  });
}

/// Rows are shared among threads for the input gradient, columns for the parameters' (a fixed order
/// of addition without locks).
void CpuOps::norm_backward(const Exec& exec, TensorView d_residual, TensorView d_weight,
                           TensorView d_bias, TensorView d_out, TensorView residual,
                           TensorView stats, TensorView weight, const NormParams& params) {
  check_norm(d_residual, d_out, stats, d_weight, d_bias, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = d_out.extent(0), C = d_out.extent(1);
    const auto row_stats = [&](int64_t m) {
      return load_stats(stats.as<float>() + m * stats.extent(1), params.kind);
    };
    parallel_for(M, 1, M * C, [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m)
        backward_row(d_residual.as<float>() + m * C, d_out.as<float>() + m * C,
                     residual.as<float>() + m * C, weight.as<float>(), row_stats(m), C,
                     params.kind);
    });
    parallel_for(C, kColumns, M * C, [&](int64_t begin, int64_t end) {
      for (int64_t m = 0; m < M; ++m) {
        const float* const g = d_out.as<float>() + m * C + begin;
        add_weight_gradient(d_weight.as<float>() + begin, g, residual.as<float>() + m * C + begin,
                            row_stats(m), end - begin);
        if (d_bias) add_bias_gradient(d_bias.as<float>() + begin, g, end - begin);
      }
    });
  });
}

}  // namespace isoflop
