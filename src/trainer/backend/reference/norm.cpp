// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <cmath>

namespace isoflop {
namespace {

struct RowStats {
  double mean = 0;  ///< 0 for rmsnorm, which does not centre
  double rstd = 0;
};

RowStats compute_stats(const double* x, int64_t C, const NormParams& params) {
  RowStats stats;
  if (params.kind != NormKind::rmsnorm) {
    for (int64_t c = 0; c < C; ++c) stats.mean += x[c];
    stats.mean /= static_cast<double>(C);
  }
  double sum_of_squares = 0;
  for (int64_t c = 0; c < C; ++c) sum_of_squares += (x[c] - stats.mean) * (x[c] - stats.mean);
  stats.rstd = 1 / std::sqrt(sum_of_squares / static_cast<double>(C) + params.eps);
  return stats;
}

void store_stats(double* stored, const RowStats& stats, NormKind kind) {
  if (kind != NormKind::rmsnorm) *stored++ = stats.mean;
  *stored = stats.rstd;
}

RowStats load_stats(const double* stored, NormKind kind) {
  return kind == NormKind::rmsnorm ? RowStats{0, stored[0]} : RowStats{stored[0], stored[1]};
}

/// Of one row: d_x += rstd (g - mean(g) - xhat mean(g xhat)), g = d_out weight; without mean(g) for
/// rmsnorm.
void backward_row(double* d_x, const double* d_out, const double* x, const double* weight,
                  const RowStats& stats, int64_t C, NormKind kind) {
  double mean_g = 0, mean_g_xhat = 0;
  for (int64_t c = 0; c < C; ++c) {
    const double g = d_out[c] * weight[c];
    mean_g += kind == NormKind::rmsnorm ? 0 : g / static_cast<double>(C);
    mean_g_xhat += g * (x[c] - stats.mean) * stats.rstd / static_cast<double>(C);
  }
  for (int64_t c = 0; c < C; ++c) {
    const double xhat = (x[c] - stats.mean) * stats.rstd;
    d_x[c] += stats.rstd * (d_out[c] * weight[c] - mean_g - xhat * mean_g_xhat);
  }
}

}  // namespace

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
      const RowStats row = compute_stats(x, C, params);
      store_stats(stats.as<double>() + m * stats.extent(1), row, params.kind);
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
      const RowStats row = load_stats(stats.as<double>() + m * stats.extent(1), params.kind);
      backward_row(d_residual.as<double>() + m * C, g, x, weight.as<double>(), row, C, params.kind);
      for (int64_t c = 0; c < C; ++c) {
        d_weight.as<double>()[c] += g[c] * (x[c] - row.mean) * row.rstd;
        if (d_bias) d_bias.as<double>()[c] += g[c];
      }
    }
  });
}

}  // namespace isoflop
