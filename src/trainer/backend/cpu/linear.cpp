// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

/// Columns a thread takes at least: one cache line.
constexpr int64_t kColumns = 16;

/// out[n] += sum over m of in[m, n] for `n_cols` columns.
ISOFLOP_VECTORISE void add_columns(float* out, const float* in, int64_t M, int64_t stride,
                                   int64_t n_cols) {
  for (int64_t m = 0; m < M; ++m) {
    const float* const row = in + m * stride;
#pragma omp simd
    for (int64_t n = 0; n < n_cols; ++n) out[n] += row[n];
  }
}

}  // namespace

void CpuOps::linear_forward(const Exec& exec, TensorView out, TensorView x, TensorView w,
                            TensorView bias) {
  check_linear(out, x, w, bias);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    const int64_t M = out.extent(0), N = out.extent(1), K = x.extent(1);
    matmul_.run({M, N, K, {K, 1}, {1, K}, static_cast<bool>(bias), Accumulate::no}, out.as<float>(),
                x.as<float>(), w.as<float>(), bias ? bias.as<float>() : nullptr);
  });
}

void CpuOps::linear_backward_input(const Exec& exec, TensorView d_x, TensorView d_out,
                                   TensorView w) {
  check_linear(d_out, d_x, w, {});
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    const int64_t M = d_out.extent(0), N = d_out.extent(1), K = d_x.extent(1);
    matmul_.run({M, K, N, {N, 1}, {K, 1}, false, Accumulate::no}, d_x.as<float>(),
                d_out.as<float>(), w.as<float>());
  });
}

void CpuOps::linear_backward_weight(const Exec& exec, TensorView d_w, TensorView d_bias,
                                    TensorView d_out, TensorView x) {
  check_linear(d_out, x, d_w, d_bias);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, this] {
    const int64_t M = d_out.extent(0), N = d_out.extent(1), K = x.extent(1);
    matmul_.run({N, K, M, {1, N}, {K, 1}, false, Accumulate::yes}, d_w.as<float>(),
                d_out.as<float>(), x.as<float>());
    if (!d_bias) return;
    parallel_for(N, kColumns, M * N, [&](int64_t begin, int64_t end) {
      add_columns(d_bias.as<float>() + begin, d_out.as<float>() + begin, M, N, end - begin);
    });
  });
}

}  // namespace isoflop
