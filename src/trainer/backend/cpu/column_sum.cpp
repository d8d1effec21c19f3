// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/column_sum.hpp"

#include "trainer/backend/cpu/element.hpp"
#include "trainer/backend/cpu/parallel.hpp"

namespace isoflop {
namespace {

/// Elements of eight rows, one below the other.
template <typename T>
ISOFLOP_INLINE float sum_of_eight(const T* in, int64_t stride) {
  const float first = (to_float(in[0]) + to_float(in[stride])) +
                      (to_float(in[2 * stride]) + to_float(in[3 * stride]));
  const float second = (to_float(in[4 * stride]) + to_float(in[5 * stride])) +
                       (to_float(in[6 * stride]) + to_float(in[7 * stride]));
  return first + second;
}

/// out[n] += sum over m of in[m, n] for `n_cols` columns. Eight rows at a time keep enough reads
/// from memory under way: two and a half to three times the speed of one.
template <typename T>
ISOFLOP_VECTORISE void add_columns(float* out, const T* in, int64_t M, int64_t stride,
                                   int64_t n_cols) {
  int64_t m = 0;
  for (; m + 8 <= M; m += 8) {
#pragma omp simd
    for (int64_t n = 0; n < n_cols; ++n) out[n] += sum_of_eight(in + m * stride + n, stride);
  }
  for (; m < M; ++m) {
#pragma omp simd
    for (int64_t n = 0; n < n_cols; ++n) out[n] += to_float(in[m * stride + n]);
  }
}

}  // namespace

void add_column_sums(float* out, const TensorView& in) {
  const int64_t M = in.extent(0), N = in.extent(1);
  with_element(in.dtype, [&]<typename T>() {
    parallel_for(N, kColumnGrain, M * N, [&](int64_t begin, int64_t end) {
      add_columns(out + begin, in.as<T>() + begin, M, N, end - begin);
    });
  });
}

}  // namespace isoflop
