// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace isoflop {
namespace {

/// The vectors of one sequence's packed queries, keys and values (or their gradients).
struct Packed {
  double* data;
  AttentionShape heads;
  double* query(int64_t t, int64_t h) const { return at(t, h); }
  double* key(int64_t t, int64_t h) const { return at(t, heads.n_head + kv(h)); }
  double* value(int64_t t, int64_t h) const {
    return at(t, heads.n_head + heads.n_kv_head + kv(h));
  }

 private:
  int64_t kv(int64_t h) const { return h / (heads.n_head / heads.n_kv_head); }
  double* at(int64_t t, int64_t h) const {
    return data + (t * (heads.n_head + 2 * heads.n_kv_head) + h) * heads.d_head;
  }
};

Packed sequence(const TensorView& qkv, int64_t b, const AttentionShape& heads) {
  return {qkv.as<double>() + b * qkv.strides[0], heads};
}

double dot(const double* a, const double* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void add_scaled(double* out, double scale, const double* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] += scale * in[i];
}

double scale_of(const AttentionShape& heads) {
  return 1 / std::sqrt(static_cast<double>(heads.d_head));
}

/// out = softmax of query t over keys 0..t, applied to the values; returns the log-sum-exp.
double forward_row(double* out, const Packed& qkv, int64_t t, int64_t h) {
  const int64_t D = qkv.heads.d_head;
  std::vector<double> scores;
  for (int64_t s = 0; s <= t; ++s)
    scores.push_back(scale_of(qkv.heads) * dot(qkv.query(t, h), qkv.key(s, h), D));
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const double score : scores) sum += std::exp(score - largest);
  const double lse = largest + std::log(sum);
  std::fill_n(out, D, 0.0);
  for (int64_t s = 0; s <= t; ++s)
    add_scaled(out, std::exp(scores[static_cast<std::size_t>(s)] - lse), qkv.value(s, h), D);
  return lse;
}

/// Adds the gradients of query t and of the keys and values it sees.
void backward_row(const Packed& d_qkv, const Packed& qkv, const double* d_out, double lse,
                  double row_sum, int64_t t, int64_t h) {
  const int64_t D = qkv.heads.d_head;
  const double scale = scale_of(qkv.heads);
  for (int64_t s = 0; s <= t; ++s) {
    const double p = std::exp(scale * dot(qkv.query(t, h), qkv.key(s, h), D) - lse);
    const double d_score = p * (dot(d_out, qkv.value(s, h), D) - row_sum) * scale;
    add_scaled(d_qkv.value(s, h), p, d_out, D);
    add_scaled(d_qkv.query(t, h), d_score, qkv.key(s, h), D);
    add_scaled(d_qkv.key(s, h), d_score, qkv.query(t, h), D);
  }
}

}  // namespace

void ReferenceOps::attention_forward(const Exec& exec, TensorView out, TensorView lse,
                                     TensorView qkv, const AttentionShape& heads) {
  check_attention(out, lse, qkv, heads);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = qkv.extent(1), H = heads.n_head, D = heads.d_head;
    for (int64_t b = 0; b < qkv.extent(0); ++b)
      for (int64_t t = 0; t < T; ++t)
        for (int64_t h = 0; h < H; ++h)
          lse.as<double>()[(b * H + h) * T + t] = forward_row(
              out.as<double>() + ((b * T + t) * H + h) * D, sequence(qkv, b, heads), t, h);
  });
}

void ReferenceOps::attention_backward(const Exec& exec, TensorView d_qkv, TensorView row_sum,
                                      TensorView d_out, TensorView qkv, TensorView out,
                                      TensorView lse, const AttentionShape& heads) {
  check_attention(d_out, row_sum, d_qkv, heads);
  check_attention(out, lse, qkv, heads);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = qkv.extent(1), H = heads.n_head, D = heads.d_head;
    std::fill_n(d_qkv.as<double>(), d_qkv.size(), 0.0);
    for (int64_t b = 0; b < qkv.extent(0); ++b) {
      for (int64_t t = 0; t < T; ++t) {
        for (int64_t h = 0; h < H; ++h) {
          const int64_t head = ((b * T + t) * H + h) * D, statistic = (b * H + h) * T + t;
          const double* const g = d_out.as<double>() + head;
          row_sum.as<double>()[statistic] = dot(out.as<double>() + head, g, D);
          backward_row(sequence(d_qkv, b, heads), sequence(qkv, b, heads), g,
                       lse.as<double>()[statistic], row_sum.as<double>()[statistic], t, h);
        }
      }
    }
  });
}

}  // namespace isoflop
