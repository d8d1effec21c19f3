// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_norm.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <algorithm>

namespace isoflop {
namespace {

double* data_of(const TensorView& view) { return view ? view.as<double>() : nullptr; }

/// Weight and bias (or their gradients) of head h of the normed ones: queries first, then keys.
struct HeadWeights {
  double* weight;
  double* bias;
};

HeadWeights weights_of(const QkNormTensors& tensors, int64_t h, const AttentionShape& heads) {
  return h < heads.n_head ? HeadWeights{data_of(tensors.q_weight), data_of(tensors.q_bias)}
                          : HeadWeights{data_of(tensors.k_weight), data_of(tensors.k_bias)};
}

}  // namespace

void ReferenceOps::qk_norm_forward(const Exec& exec, TensorView qkv, TensorView qk,
                                   TensorView stats, const QkNormTensors& weights,
                                   const AttentionShape& heads, const NormParams& params) {
  check_qk_norm(qkv, qk, stats, weights, heads, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t n_normed = heads.n_head + heads.n_kv_head, D = heads.d_head;
    for (int64_t m = 0; m < qk.extent(0); ++m) {
      for (int64_t h = 0; h < n_normed; ++h) {
        double* const x = qkv.as<double>() + (m * (n_normed + heads.n_kv_head) + h) * D;
        double* const kept = qk.as<double>() + (m * n_normed + h) * D;
        std::copy_n(x, D, kept);
        const reference::RowStats row = reference::norm_stats(kept, D, params);
        reference::store_stats(stats.as<double>() + (m * n_normed + h) * stats.extent(2), row,
                               params.kind);
        const HeadWeights w = weights_of(weights, h, heads);
        for (int64_t c = 0; c < D; ++c)
          x[c] = (kept[c] - row.mean) * row.rstd * w.weight[c] + (w.bias ? w.bias[c] : 0.0);
      }
    }
  });
}

void ReferenceOps::qk_norm_backward(const Exec& exec, TensorView d_qkv,
                                    const QkNormTensors& d_weights, TensorView qk, TensorView stats,
                                    const QkNormTensors& weights, const AttentionShape& heads,
                                    const NormParams& params) {
  check_qk_norm(d_qkv, qk, stats, weights, heads, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t n_normed = heads.n_head + heads.n_kv_head, D = heads.d_head;
    std::vector<double> d_out(static_cast<std::size_t>(D));
    for (int64_t m = 0; m < qk.extent(0); ++m) {
      for (int64_t h = 0; h < n_normed; ++h) {
        double* const d_x = d_qkv.as<double>() + (m * (n_normed + heads.n_kv_head) + h) * D;
        const double* const x = qk.as<double>() + (m * n_normed + h) * D;
        const reference::RowStats row = reference::load_stats(
            stats.as<double>() + (m * n_normed + h) * stats.extent(2), params.kind);
        const HeadWeights d_w = weights_of(d_weights, h, heads);
        std::copy_n(d_x, D, d_out.data());
        std::fill_n(d_x, D, 0.0);
        reference::norm_backward_row(d_x, d_out.data(), x, weights_of(weights, h, heads).weight,
                                     row, D, params.kind);
        for (int64_t c = 0; c < D; ++c) {
          d_w.weight[c] += d_out[static_cast<std::size_t>(c)] * (x[c] - row.mean) * row.rstd;
          if (d_w.bias) d_w.bias[c] += d_out[static_cast<std::size_t>(c)];
        }
      }
    }
  });
}

}  // namespace isoflop
