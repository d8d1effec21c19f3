// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <algorithm>

namespace isoflop {

void ReferenceOps::linear_forward(const Exec& exec, TensorView out, TensorView x, TensorView w,
                                  TensorView bias) {
  check_linear(out, x, w, bias);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = out.extent(0), N = out.extent(1), K = x.extent(1);
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t n = 0; n < N; ++n) {
        double sum = bias ? bias.as<double>()[n] : 0.0;
        for (int64_t k = 0; k < K; ++k)
          sum += x.as<double>()[m * K + k] * w.as<double>()[n * K + k];
        out.as<double>()[m * N + n] = sum;
      }
    }
  });
}

void ReferenceOps::linear_backward_input(const Exec& exec, TensorView d_x, TensorView d_out,
                                         TensorView w) {
  check_linear(d_out, d_x, w, {});
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = d_out.extent(0), N = d_out.extent(1), K = d_x.extent(1);
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t k = 0; k < K; ++k) {
        double sum = 0;
        for (int64_t n = 0; n < N; ++n)
          sum += d_out.as<double>()[m * N + n] * w.as<double>()[n * K + k];
        d_x.as<double>()[m * K + k] = sum;
      }
    }
  });
}

void ReferenceOps::linear_backward_weight(const Exec& exec, TensorView d_w, TensorView d_bias,
                                          TensorView d_out, TensorView x, Accumulate into_d_w) {
  check_linear(d_out, x, d_w, d_bias);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t M = d_out.extent(0), N = d_out.extent(1), K = x.extent(1);
    if (into_d_w == Accumulate::no) std::fill_n(d_w.as<double>(), d_w.size(), 0.0);
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t n = 0; n < N; ++n) {
        const double gradient = d_out.as<double>()[m * N + n];
        if (d_bias) d_bias.as<double>()[n] += gradient;
        for (int64_t k = 0; k < K; ++k)
          d_w.as<double>()[n * K + k] += gradient * x.as<double>()[m * K + k];
      }
    }
  });
}

}  // namespace isoflop
