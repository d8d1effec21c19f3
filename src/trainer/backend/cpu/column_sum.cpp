// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/column_sum.hpp"

#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/tensor/bf16.hpp"
#include "trainer/tensor/f16.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace isoflop {
namespace {

/// Columns a thread takes at least: one cache line.
constexpr int64_t kColumns = 16;

ISOFLOP_INLINE float to_float(float value) { return value; }

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
ISOFLOP_INLINE void add_columns(float* out, const T* in, int64_t M, int64_t stride,
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

ISOFLOP_VECTORISE void add_f32(float* out, const float* in, int64_t M, int64_t stride,
                               int64_t n_cols) {
  add_columns(out, in, M, stride, n_cols);
}

ISOFLOP_VECTORISE void add_bf16(float* out, const Bf16* in, int64_t M, int64_t stride,
                                int64_t n_cols) {
  add_columns(out, in, M, stride, n_cols);
}

ISOFLOP_VECTORISE void add_f16(float* out, const F16* in, int64_t M, int64_t stride,
                               int64_t n_cols) {
  add_columns(out, in, M, stride, n_cols);
}

template <typename T, typename F>
void add_all(float* out, const TensorView& in, F add) {
  const int64_t M = in.extent(0), N = in.extent(1);
  const T* const values = static_cast<const T*>(in.data);
  parallel_for(N, kColumns, M * N, [&](int64_t begin, int64_t end) {
    add(out + begin, values + begin, M, N, end - begin);
  });
}

}  // namespace

void add_column_sums(float* out, const TensorView& in) {
  switch (in.dtype) {
    case DType::f32:
      return add_all<float>(out, in, add_f32);
    case DType::bf16:
      return add_all<Bf16>(out, in, add_bf16);
    case DType::f16:
      return add_all<F16>(out, in, add_f16);
    case DType::f64:
    case DType::i64:
    case DType::i32:
      break;
  }
  throw std::logic_error(fmt::format("no column sums of {}", to_string(in.dtype)));
}

}  // namespace isoflop
