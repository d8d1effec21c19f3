// SPDX-License-Identifier: MIT
#include "core/model/architecture.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_norm.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <cmath>

namespace isoflop {
namespace reference {

RowStats norm_stats(const double* x, int64_t n, const NormParams& params) {
  RowStats stats;
  if (row_of(params.kind).centred) {
    for (int64_t c = 0; c < n; ++c) stats.mean += x[c];
    stats.mean /= static_cast<double>(n);
  }
  double sum_of_squares = 0;
  for (int64_t c = 0; c < n; ++c) sum_of_squares += (x[c] - stats.mean) * (x[c] - stats.mean);
  stats.rstd = 1 / std::sqrt(sum_of_squares / static_cast<double>(n) + params.eps);
  return stats;
}

void store_stats(double* stored, const RowStats& stats, NormKind kind) {
  if (row_of(kind).centred) *stored++ = stats.mean;
  *stored = stats.rstd;
}

RowStats load_stats(const double* stored, NormKind kind) {
  return row_of(kind).centred ? RowStats{stored[0], stored[1]} : RowStats{0, stored[0]};
}

void norm_backward_row(double* d_x, const double* d_out, const double* x, const double* weight,
                       const RowStats& stats, int64_t n, NormKind kind) {
  double mean_g = 0, mean_g_xhat = 0;
  for (int64_t c = 0; c < n; ++c) {
    const double g = d_out[c] * weight[c];
    mean_g += row_of(kind).centred ? g / static_cast<double>(n) : 0;
    mean_g_xhat += g * (x[c] - stats.mean) * stats.rstd / static_cast<double>(n);
  }
  for (int64_t c = 0; c < n; ++c) {
    const double xhat = (x[c] - stats.mean) * stats.rstd;
    d_x[c] += stats.rstd * (d_out[c] * weight[c] - mean_g - xhat * mean_g_xhat);
  }
}

}  // namespace reference

using reference::RowStats;

void ReferenceOps::residual_norm_forward(const Exec& exec, TensorView residual, TensorView out,
                                         TensorView stats, TensorView residual_in, TensorView delta,
                                         TensorView weight, TensorView bias,
                                         const NormParams& params) {
  check_norm(residual, out, stats, weight, bias, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = out.extent(0), C = out.extent(1);
    for (int64_t i = 0; i < M * C; ++i)
      residual.as<double>()[i] =
          residual_in.as<double>()[i] + (delta ? delta.as<double>()[i] : 0.0);
    for (int64_t m = 0; m < M; ++m) {
      const double* const x = residual.as<double>() + m * C;
      const RowStats row = reference::norm_stats(x, C, params);
      reference::store_stats(stats.as<double>() + m * stats.extent(1), row, params.kind);
      for (int64_t c = 0; c < C; ++c)
        out.as<double>()[m * C + c] = (x[c] - row.mean) * row.rstd * weight.as<double>()[c] +
                                      (bias ? bias.as<double>()[c] : 0.0);
    }
  });
}

void ReferenceOps::norm_backward(const Exec& exec, TensorView d_residual, TensorView d_weight,
                                 TensorView d_bias, TensorView d_out, TensorView residual,
                                 TensorView stats, TensorView weight, const NormParams& params) {
  check_norm(d_residual, d_out, stats, d_weight, d_bias, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = d_out.extent(0), C = d_out.extent(1);
    for (int64_t m = 0; m < M; ++m) {
      const double* const g = d_out.as<double>() + m * C;
      const double* const x = residual.as<double>() + m * C;
      const RowStats row =
          reference::load_stats(stats.as<double>() + m * stats.extent(1), params.kind);
      reference::norm_backward_row(d_residual.as<double>() + m * C, g, x, weight.as<double>(), row,
                                   C, params.kind);
      for (int64_t c = 0; c < C; ++c) {
        d_weight.as<double>()[c] += g[c] * (x[c] - row.mean) * row.rstd;
        if (d_bias) d_bias.as<double>()[c] += g[c];
      }
    }
  });
}

}  // namespace isoflop
