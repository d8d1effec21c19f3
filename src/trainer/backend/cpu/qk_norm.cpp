// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/norm_row.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// The normed heads of a token, queries first, then keys; the two have weights of their own.
struct Heads {
  int64_t n_query, n_key, width;
  bool centred;
  float eps;

  int64_t n_normed() const { return n_query + n_key; }
  int64_t stats_width() const { return centred ? 2 : 1; }
};

Heads normed_heads(const AttentionShape& heads, const NormParams& params) {
  return {heads.n_head, heads.n_kv_head, heads.d_head, row_of(params.kind).centred,
          static_cast<float>(params.eps)};
}

/// Of queries or of keys; no bias is null.
template <typename T>
struct Parameters {
  const T *weight, *bias;
};

template <typename T>
struct QkParameters {
  Parameters<T> query, key;
};

template <typename T>
Parameters<T> parameters_of(const TensorView& weight, const TensorView& bias) {
  return {weight.as<T>(), bias ? bias.as<T>() : nullptr};
}

template <typename T>
QkParameters<T> parameters_of(const QkNormTensors& tensors) {
  return {parameters_of<T>(tensors.q_weight, tensors.q_bias),
          parameters_of<T>(tensors.k_weight, tensors.k_bias)};
}

/// One token: `x` is normed in place, `kept` gets it as it was.
template <typename T>
ISOFLOP_VECTORISE void forward(T* x, T* kept, float* stats, const QkParameters<T>& parameters,
                               const Heads& heads) {
  const int64_t D = heads.width;
  std::copy_n(x, heads.n_normed() * D, kept);
  for (int64_t h = 0; h < heads.n_normed(); ++h) {
    const Parameters<T>& p = h < heads.n_query ? parameters.query : parameters.key;
    const T* const head = kept + h * D;
    const norm_row::Stats of_head =
        norm_row::finish_stats(norm_row::sums_of(head, D), head, D, heads.centred, heads.eps);
    norm_row::store_stats(stats + h * heads.stats_width(), of_head, heads.centred);
    norm_row::normalise(x + h * D, head, p.weight, p.bias, of_head, D);
  }
}

/// Sums of a token's gradients: weight and bias of queries, then of keys, d_head each.
struct ParameterSums {
  float* sums;
  bool has_bias;
};

/// One token: the gradient `d` in place.
template <typename T>
ISOFLOP_VECTORISE void backward(T* d, const ParameterSums& d_parameters, const T* kept,
                                const float* stats, const QkParameters<T>& parameters,
                                const Heads& heads) {
  const int64_t D = heads.width;
  for (int64_t h = 0; h < heads.n_normed(); ++h) {
    const bool is_query = h < heads.n_query;
    float* const sums = d_parameters.sums + (is_query ? 0 : 2 * D);
    T* const head = d + h * D;
    const norm_row::Backward<T> row{head, kept + h * D,
                                    (is_query ? parameters.query : parameters.key).weight, sums,
                                    d_parameters.has_bias ? sums + D : nullptr};
    norm_row::backward<false>(head, row,
                              norm_row::load_stats(stats + h * heads.stats_width(), heads.centred),
                              D, heads.centred);
  }
}

}  // namespace

void CpuOps::qk_norm_forward(const Exec& exec, TensorView qkv, TensorView qk, TensorView stats,
                             const QkNormTensors& weights, const AttentionShape& heads,
                             const NormParams& params) {
  check_qk_norm(qkv, qk, stats, weights, heads, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const Heads normed = normed_heads(heads, params);
    const int64_t width = qkv.extent(2) * qkv.extent(3), kept_width = qk.extent(1) * qk.extent(2);
    const int64_t stats_width = stats.extent(1) * stats.extent(2);
    with_element(qkv.dtype, [&]<typename T>() {
      const QkParameters<T> parameters = parameters_of<T>(weights);
      parallel_for(qk.extent(0), 1, qk.size(), [&](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; ++m)
          forward(qkv.as<T>() + m * width, qk.as<T>() + m * kept_width,
                  stats.as<float>() + m * stats_width, parameters, normed);
      });
    });
  });
}

void CpuOps::qk_norm_backward(const Exec& exec, TensorView d_qkv, const QkNormTensors& d_weights,
                              TensorView qk, TensorView stats, const QkNormTensors& weights,
                              const AttentionShape& heads, const NormParams& params) {
  check_qk_norm(d_qkv, qk, stats, weights, heads, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    const Heads normed = normed_heads(heads, params);
    const int64_t D = heads.d_head, width = d_qkv.extent(2) * D, kept_width = qk.extent(1) * D;
    const int64_t stats_width = stats.extent(1) * stats.extent(2);
    const bool has_bias = static_cast<bool>(d_weights.q_bias);
    with_element(d_qkv.dtype, [&]<typename T>() {
      const QkParameters<T> parameters = parameters_of<T>(weights);
      parameter_sums_.add_rows(
          qk.extent(0), 4 * D, qk.size(), [&](int64_t begin, int64_t end, float* sums) {
            for (int64_t m = begin; m < end; ++m)
              backward(d_qkv.as<T>() + m * width, {sums, has_bias}, qk.as<T>() + m * kept_width,
                       stats.as<float>() + m * stats_width, parameters, normed);
          });
    });
    parameter_sums_.add_totals(d_weights.q_weight.as<float>(), 0, D);
    parameter_sums_.add_totals(d_weights.k_weight.as<float>(), 2 * D, D);
    if (!has_bias) return;
    parameter_sums_.add_totals(d_weights.q_bias.as<float>(), D, D);
    parameter_sums_.add_totals(d_weights.k_bias.as<float>(), 3 * D, D);
  });
}

}  // namespace isoflop
