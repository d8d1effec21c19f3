// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

void compute_logits(double* logits, const double* x, const double* w, int64_t V, int64_t C) {
  for (int64_t v = 0; v < V; ++v) {
    logits[v] = 0;
    for (int64_t c = 0; c < C; ++c) logits[v] += x[c] * w[v * C + c];
  }
}

double log_sum_exp(const double* values, int64_t n) {
  const double largest = *std::max_element(values, values + n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(values[i] - largest);
  return largest + std::log(sum);
}

/// Logits become scale x the gradient of lse - logit(target) + z_loss lse^2.
void to_gradient(double* logits, int64_t V, int64_t target, double lse, double scale,
                 double z_loss) {
  for (int64_t v = 0; v < V; ++v)
    logits[v] =
        scale * (std::exp(logits[v] - lse) * (1 + 2 * z_loss * lse) - (v == target ? 1 : 0));
}

void backward_token(double* d_x, double* d_w, const double* d_logits, const double* x,
                    const double* w, int64_t V, int64_t C) {
  for (int64_t v = 0; v < V; ++v) {
    for (int64_t c = 0; c < C; ++c) {
      d_x[c] += d_logits[v] * w[v * C + c];
      d_w[v * C + c] += d_logits[v] * x[c];
    }
  }
}

}  // namespace

void ReferenceOps::head_loss(const Exec& exec, TensorView loss_sums, TensorView d_x, TensorView d_w,
                             TensorView logits, TensorView x, TensorView w, TensorView targets,
                             const HeadLossParams& params) {
  check_head_loss(loss_sums, d_x, d_w, logits, x, w, targets);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t V = w.extent(0), C = w.extent(1);
    const double scale =
        params.grad_scale * (params.state != nullptr ? params.state->loss_scale.scale : 1);
    if (d_x) std::fill_n(d_x.as<double>(), d_x.size(), 0.0);
    if (d_w && params.into_d_w == Accumulate::no) std::fill_n(d_w.as<double>(), d_w.size(), 0.0);
    for (int64_t m = 0; m < x.extent(0); ++m) {
      const int64_t target = targets.as<int32_t>()[m];
      if (target < 0) continue;
      double* const row = logits.as<double>() + m % logits.extent(0) * V;
      const double* const x_row = x.as<double>() + m * C;
      compute_logits(row, x_row, w.as<double>(), V, C);
      const double lse = log_sum_exp(row, V);
      loss_sums.as<double>()[0] += lse - row[target];
      loss_sums.as<double>()[1] += params.z_loss * lse * lse;
      if (!d_x) continue;
      to_gradient(row, V, target, lse, scale, params.z_loss);
      backward_token(d_x.as<double>() + m * C, d_w.as<double>(), row, x_row, w.as<double>(), V, C);
    }
  });
}

void ReferenceOps::head_logits(const Exec& exec, TensorView logits, TensorView x, TensorView w) {
  check_head_logits(logits, x, w);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t V = w.extent(0), C = w.extent(1), stride = logits.extent(1);
    for (int64_t m = 0; m < x.extent(0); ++m)
      compute_logits(logits.as<double>() + m * stride, x.as<double>() + m * C, w.as<double>(), V, C);
  });
}

}  // namespace isoflop
