// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// Columns a thread takes at least in backward: one cache line.
constexpr int64_t kColumns = 16;

ISOFLOP_VECTORISE void add_to(float* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += in[i];
}

}  // namespace

void CpuOps::embedding_forward(const Exec& exec, TensorView out, TensorView tokens, TensorView wte,
                               TensorView wpe) {
  check_embedding(out, tokens, wte, wpe);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = tokens.extent(1), C = wte.extent(1);
    parallel_for(tokens.size(), 1, out.size(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float* const out_row = out.as<float>() + row * C;
        std::copy_n(wte.as<float>() + tokens.as<int32_t>()[row] * C, C, out_row);
        if (wpe) add_to(out_row, wpe.as<float>() + row % T * C, C);
      }
    });
  });
}

/// Threads share columns, not tokens: equal tokens then add up in a fixed order without locks.
void CpuOps::embedding_backward(const Exec& exec, TensorView d_wte, TensorView d_wpe,
                                TensorView tokens, TensorView d_out) {
  check_embedding(d_out, tokens, d_wte, d_wpe);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t T = tokens.extent(1), C = d_wte.extent(1);
    parallel_for(C, kColumns, d_out.size(), [&](int64_t begin, int64_t end) {
      for (int64_t row = 0; row < tokens.size(); ++row) {
        const float* const g = d_out.as<float>() + row * C + begin;
        const int64_t token = tokens.as<int32_t>()[row];
        add_to(d_wte.as<float>() + token * C + begin, g, end - begin);
        if (d_wpe) add_to(d_wpe.as<float>() + row % T * C + begin, g, end - begin);
      }
    });
  });
}

}  // namespace isoflop
