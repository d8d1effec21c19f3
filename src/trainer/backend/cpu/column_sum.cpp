// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/column_sum.hpp"

#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace isoflop {
namespace {

/// Columns a thread takes at least: one cache line.
constexpr int64_t kColumns = 16;
/// Columns converted at a time.
constexpr int64_t kStretch = 1024;

ISOFLOP_VECTORISE void add_to(float* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += in[i];
}

/// Columns [begin, end), at most kStretch of them.
void add_columns(float* out, const TensorView& in, int64_t begin, int64_t end) {
  std::array<float, kStretch> row;
  for (int64_t m = 0; m < in.extent(0); ++m) {
    const void* const values = element(std::as_const(in.data), in.dtype, m * in.extent(1) + begin);
    if (in.dtype == DType::f32) {
      add_to(out + begin, static_cast<const float*>(values), end - begin);
      continue;
    }
    widen(row.data(), values, in.dtype, end - begin);
    add_to(out + begin, row.data(), end - begin);
  }
}

}  // namespace

void add_column_sums(float* out, const TensorView& in) {
  parallel_for(in.extent(1), kColumns, in.size(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n += kStretch)
      add_columns(out, in, n, std::min(n + kStretch, end));
  });
}

}  // namespace isoflop
