// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

namespace isoflop {

void ReferenceOps::embedding_forward(const Exec& exec, TensorView out, TensorView tokens,
                                     TensorView wte, TensorView wpe) {
  check_embedding(out, tokens, wte, wpe);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = tokens.extent(1), C = wte.extent(1);
    for (int64_t row = 0; row < tokens.size(); ++row) {
      const int64_t token = tokens.as<int32_t>()[row];
      for (int64_t c = 0; c < C; ++c) {
        const double position = wpe ? wpe.as<double>()[row % T * C + c] : 0.0;
        out.as<double>()[row * C + c] = wte.as<double>()[token * C + c] + position;
      }
    }
  });
}

void ReferenceOps::embedding_backward(const Exec& exec, TensorView d_wte, TensorView d_wpe,
                                      TensorView tokens, TensorView d_out) {
  check_embedding(d_out, tokens, d_wte, d_wpe);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = tokens.extent(1), C = d_wte.extent(1);
    for (int64_t row = 0; row < tokens.size(); ++row) {
      const int64_t token = tokens.as<int32_t>()[row];
      for (int64_t c = 0; c < C; ++c) {
        d_wte.as<double>()[token * C + c] += d_out.as<double>()[row * C + c];
        if (d_wpe) d_wpe.as<double>()[row % T * C + c] += d_out.as<double>()[row * C + c];
      }
    }
  });
}

}  // namespace isoflop
