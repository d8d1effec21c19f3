// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/element.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>

namespace isoflop {
namespace {

template <typename T>
ISOFLOP_VECTORISE void add_rows(T* out, const T* a, const T* b, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = from_float<T>(to_float(a[i]) + to_float(b[i]));
}

}  // namespace

void CpuOps::embedding_forward(const Exec& exec, TensorView out, TensorView tokens, TensorView wte,
                               TensorView wpe) {
  check_embedding(out, tokens, wte, wpe);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = tokens.extent(1), C = wte.extent(1);
    with_element(out.dtype, [&]<typename E>() {
      parallel_for(tokens.size(), 1, out.size(), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const E* const token = wte.as<E>() + tokens.as<int32_t>()[row] * C;
          E* const out_row = out.as<E>() + row * C;
          if (wpe)
            add_rows(out_row, token, wpe.as<E>() + row % T * C, C);
          else
            std::copy_n(token, C, out_row);
        }
      });
    });
  });
}

/// Threads share columns, not tokens: equal tokens then add up in a fixed order without locks.
void CpuOps::embedding_backward(const Exec& exec, TensorView d_wte, TensorView d_wpe,
                                TensorView tokens, TensorView d_out) {
  check_embedding(d_out, tokens, d_wte, d_wpe);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = tokens.extent(1), C = d_wte.extent(1);
    parallel_for(C, kColumnGrain, d_out.size(), [&](int64_t begin, int64_t end) {
      for (int64_t row = 0; row < tokens.size(); ++row) {
        const void* const g = element(d_out.data, d_out.dtype, row * C + begin);
        const int64_t token = tokens.as<int32_t>()[row];
        add_widened(d_wte.as<float>() + token * C + begin, g, d_out.dtype, end - begin);
        if (d_wpe)
          add_widened(d_wpe.as<float>() + row % T * C + begin, g, d_out.dtype, end - begin);
      }
    });
  });
}

}  // namespace isoflop
