// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/dropout_factors.hpp"
#include "trainer/backend/cpu/element.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace isoflop {
namespace {

/// Columns whose factors are computed at a time.
constexpr int64_t kStretch = 1024;

template <typename T>
ISOFLOP_VECTORISE void multiply(T* out, const T* in, const float* factors, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = from_float<T>(to_float(in[i]) * factors[i]);
}

template <typename T>
void drop_row(const TensorView& out, const TensorView& in, int64_t row, const DropoutLane& lane) {
  std::array<float, kStretch + 3> factors;
  const int64_t C = out.extent(1);
  for (int64_t c = 0; c < C; c += kStretch) {
    const int64_t n = std::min(kStretch, C - c);
    dropout_factors_of_row(factors.data(), row, c, n, lane);
    multiply(out.as<T>() + row * C + c, in.as<T>() + row * C + c, factors.data(), n);
  }
}

}  // namespace

void CpuOps::dropout(const Exec& exec, TensorView out, TensorView in, const Dropout& params) {
  check_dropout(out, in, params);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    if (!params) {
      if (out.data != in.data) std::memcpy(out.data, in.data, static_cast<std::size_t>(in.bytes()));
      return;
    }
    const DropoutLane lane(params, 0);
    with_element(out.dtype, [&]<typename T>() {
      parallel_for(out.extent(0), 1, out.size(), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) drop_row<T>(out, in, row, lane);
      });
    });
  });
}

}  // namespace isoflop
