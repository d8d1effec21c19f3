// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_dropout.hpp"
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

/// A query of one sequence.
struct Query {
  int64_t b, t, h;
};

int64_t first_key(const AttentionParams& params, const Query& q) {
  if (!params.first_keys) return 0;
  return params.first_keys.as<int32_t>()[q.b * params.first_keys.strides[0] + q.t];
}

/// softmax of a query's scores over keys 0..t, 0 for those before the first that it sees, and their
/// log-sum-exp.
struct Row {
  std::vector<double> p;
  double lse = 0;
};

Row softmax_row(const Packed& qkv, const Query& q, int64_t first) {
  Row row{std::vector<double>(static_cast<std::size_t>(first), -INFINITY)};
  for (int64_t s = first; s <= q.t; ++s)
    row.p.push_back(scale_of(qkv.heads) *
                    dot(qkv.query(q.t, q.h), qkv.key(s, q.h), qkv.heads.d_head));
  const double largest = *std::max_element(row.p.begin(), row.p.end());
  double sum = 0;
  for (const double score : row.p) sum += std::exp(score - largest);
  row.lse = largest + std::log(sum);
  for (double& score : row.p) score = std::exp(score - row.lse);
  return row;
}

/// What the query's probability of key s is multiplied by.
double drop(const AttentionParams& params, const Query& q, int64_t T, int64_t s) {
  return dropout_factor(params.dropout, static_cast<uint32_t>(q.h), q.b * T + q.t, s);
}

/// Adds the gradients of a query and of the keys and values it sees; row_sum = sum(out * d_out).
void backward_row(const Packed& d_qkv, const Packed& qkv, const double* d_out, double row_sum,
                  const AttentionParams& params, const Query& q, int64_t T) {
  const int64_t D = qkv.heads.d_head;
  const double scale = scale_of(qkv.heads);
  const Row row = softmax_row(qkv, q, first_key(params, q));
  for (int64_t s = 0; s <= q.t; ++s) {
    const double p = row.p[static_cast<std::size_t>(s)], kept = drop(params, q, T, s);
    const double d_score = p * (kept * dot(d_out, qkv.value(s, q.h), D) - row_sum) * scale;
    add_scaled(d_qkv.value(s, q.h), kept * p, d_out, D);
    add_scaled(d_qkv.query(q.t, q.h), d_score, qkv.key(s, q.h), D);
    add_scaled(d_qkv.key(s, q.h), d_score, qkv.query(q.t, q.h), D);
  }
}

template <typename F>
void for_each_query(const TensorView& qkv, const AttentionShape& heads, const F& f) {
  for (int64_t b = 0; b < qkv.extent(0); ++b)
    for (int64_t t = 0; t < qkv.extent(1); ++t)
      for (int64_t h = 0; h < heads.n_head; ++h) f(Query{b, t, h});
}

}  // namespace

void ReferenceOps::attention_forward(const Exec& exec, TensorView out, TensorView stats,
                                     TensorView qkv, const AttentionParams& params) {
  check_attention(out, stats, qkv, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = qkv.extent(1), H = params.heads.n_head, D = params.heads.d_head;
    for_each_query(qkv, params.heads, [&](const Query& q) {
      const Packed packed = sequence(qkv, q.b, params.heads);
      const Row row = softmax_row(packed, q, first_key(params, q));
      double* const result = out.as<double>() + ((q.b * T + q.t) * H + q.h) * D;
      std::fill_n(result, D, 0.0);
      for (int64_t s = 0; s <= q.t; ++s)
        add_scaled(result, drop(params, q, T, s) * row.p[static_cast<std::size_t>(s)],
                   packed.value(s, q.h), D);
      const int64_t statistic = (q.b * H + q.h) * T + q.t;
      if (params.backend != AttentionBackend::manual) {
        stats.as<double>()[statistic] = row.lse;
        return;
      }
      double* const kept = stats.as<double>() + statistic * T;
      std::fill(std::copy(row.p.begin(), row.p.end(), kept), kept + T, 0.0);
    });
  });
}

/// Computes the probabilities again whatever the backend keeps.
void ReferenceOps::attention_backward(const Exec& exec, TensorView d_qkv, TensorView scratch,
                                      TensorView d_out, TensorView qkv, TensorView out,
                                      TensorView stats, const AttentionParams& params) {
  check_attention(d_out, scratch, d_qkv, params);
  check_attention(out, stats, qkv, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = qkv.extent(1), H = params.heads.n_head, D = params.heads.d_head;
    std::fill_n(d_qkv.as<double>(), d_qkv.size(), 0.0);
    for_each_query(qkv, params.heads, [&](const Query& q) {
      const int64_t head = ((q.b * T + q.t) * H + q.h) * D;
      const double* const g = d_out.as<double>() + head;
      backward_row(sequence(d_qkv, q.b, params.heads), sequence(qkv, q.b, params.heads), g,
                   dot(out.as<double>() + head, g, D), params, q, T);
    });
  });
}

}  // namespace isoflop
