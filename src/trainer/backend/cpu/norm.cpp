// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/norm_row.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// x = in + delta as rounded by T (delta may be null, x may be in); returns the sums of x. One loop
/// sums in either case: a norm that is run again from the stored x gets the same bits.
template <typename T>
ISOFLOP_INLINE norm_row::Sums add_delta(T* x, const T* in, const T* delta, int64_t C) {
  if (delta != nullptr) {
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) x[c] = from_float<T>(to_float(in[c]) + to_float(delta[c]));
  } else if (x != in) {
    std::copy_n(in, C, x);
  }
  return norm_row::sums_of(x, C);
}

template <typename T>
struct ForwardRow {
  T *residual, *out;
  const T *residual_in, *delta;
};

template <typename T>
struct Parameters {
  const T *weight, *bias;
  int64_t C;
  bool centred;
  float eps;
};

template <typename T>
ISOFLOP_VECTORISE norm_row::Stats forward(const ForwardRow<T>& row, const Parameters<T>& norm) {
  const norm_row::Sums sums = add_delta(row.residual, row.residual_in, row.delta, norm.C);
  const norm_row::Stats stats =
      norm_row::finish_stats(sums, row.residual, norm.C, norm.centred, norm.eps);
  norm_row::normalise(row.out, row.residual, norm.weight, norm.bias, stats, norm.C);
  return stats;
}

template <typename T>
ISOFLOP_VECTORISE void backward(T* d_residual, const norm_row::Backward<T>& row,
                                const norm_row::Stats& stats, int64_t C, bool centred) {
  norm_row::backward<true>(d_residual, row, stats, C, centred);
}

template <typename T>
const T* row_or_null(const TensorView& view, int64_t row, int64_t C) {
  return view ? view.as<T>() + row * C : nullptr;
}

}  // namespace

void CpuOps::residual_norm_forward(const Exec& exec, TensorView residual, TensorView out,
                                   TensorView stats, TensorView residual_in, TensorView delta,
                                   TensorView weight, TensorView bias, const NormParams& params) {
  check_norm(residual, out, stats, weight, bias, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = out.extent(0), C = out.extent(1);
    const bool centred = row_of(params.kind).centred;
    with_element(out.dtype, [&]<typename T>() {
      const Parameters<T> norm{weight.as<T>(), row_or_null<T>(bias, 0, C), C, centred,
                               static_cast<float>(params.eps)};
      parallel_for(M, 1, M * C, [&](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; ++m) {
          const ForwardRow<T> row{residual.as<T>() + m * C, out.as<T>() + m * C,
                                  residual_in.as<T>() + m * C, row_or_null<T>(delta, m, C)};
          norm_row::store_stats(stats.as<float>() + m * stats.extent(1), forward(row, norm),
                                centred);
        }
      });
    });
  });
}

void CpuOps::norm_backward(const Exec& exec, TensorView d_residual, TensorView d_weight,
                           TensorView d_bias, TensorView d_out, TensorView residual,
                           TensorView stats, TensorView weight, const NormParams& params) {
  check_norm(d_residual, d_out, stats, d_weight, d_bias, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    const int64_t M = d_out.extent(0), C = d_out.extent(1);
    const bool centred = row_of(params.kind).centred;
    with_element(d_out.dtype, [&]<typename T>() {
      parameter_sums_.add_rows(
          M, d_bias ? 2 * C : C, M * C, [&](int64_t begin, int64_t end, float* sums) {
            for (int64_t m = begin; m < end; ++m) {
              const norm_row::Backward<T> row{d_out.as<T>() + m * C, residual.as<T>() + m * C,
                                              weight.as<T>(), sums, d_bias ? sums + C : nullptr};
              backward(d_residual.as<T>() + m * C, row,
                       norm_row::load_stats(stats.as<float>() + m * stats.extent(1), centred), C,
                       centred);
            }
          });
    });
    parameter_sums_.add_totals(d_weight.as<float>(), 0, C);
    if (d_bias) parameter_sums_.add_totals(d_bias.as<float>(), C, C);
  });
}

}  // namespace isoflop
