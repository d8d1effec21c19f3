// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/transpose.hpp"

#include <algorithm>
#include <cstring>

namespace isoflop {
namespace {

constexpr int64_t kBlock = 16;

Transposition block_of(const Transposition& m, int64_t row, int64_t column) {
  return {m.out + column * m.out_stride + row, m.out_stride,
          m.in + row * m.in_stride + column,   m.in_stride,
          std::min(kBlock, m.n_rows - row),    std::min(kBlock, m.n_columns - column)};
}

void transpose_elements(const Transposition& m) {
  for (int64_t i = 0; i < m.n_rows; ++i)
    for (int64_t j = 0; j < m.n_columns; ++j)
      m.out[j * m.out_stride + i] = m.in[i * m.in_stride + j];
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
using Vector = uint32_t __attribute__((vector_size(64)));

/// Swaps the blocks of `step` x `step` off the diagonal in every square of twice that size.
template <uint32_t step>
__attribute__((always_inline)) inline void swap_blocks(Vector (&rows)[kBlock]) {
  Vector upper, lower;  // where elements of row i and of row i + step come from; 16: the second
  for (uint32_t e = 0; e < 16; ++e) {
    upper[e] = (e & step) == 0 ? e : 16 + e - step;
    lower[e] = (e & step) == 0 ? e + step : 16 + e;
  }
  for (uint32_t i = 0; i < 16; ++i) {
    if ((i & step) != 0) continue;
    const Vector first = rows[i], second = rows[i + step];
    rows[i] = __builtin_shuffle(first, second, upper);
    rows[i + step] = __builtin_shuffle(first, second, lower);
  }
}

/// 16 x 16 in registers.
void transpose_vectors(const Transposition& m) {
  Vector rows[kBlock];
  for (int64_t i = 0; i < kBlock; ++i) std::memcpy(&rows[i], m.in + i * m.in_stride, 64);
  swap_blocks<8>(rows);
  swap_blocks<4>(rows);
  swap_blocks<2>(rows);
  swap_blocks<1>(rows);
  for (int64_t i = 0; i < kBlock; ++i) std::memcpy(m.out + i * m.out_stride, &rows[i], 64);
}
#pragma GCC pop_options

bool has_wide_vectors() {
  static const bool has = __builtin_cpu_supports("x86-64-v4");
  return has;
}

void transpose_block(const Transposition& m) {
  if (m.n_rows == kBlock && m.n_columns == kBlock && has_wide_vectors())
    transpose_vectors(m);
  else
    transpose_elements(m);
}

#else

void transpose_block(const Transposition& m) { transpose_elements(m); }

#endif

}  // namespace

void transpose(const Transposition& m) {
  for (int64_t column = 0; column < m.n_columns; column += kBlock)
    for (int64_t row = 0; row < m.n_rows; row += kBlock) transpose_block(block_of(m, row, column));
}

}  // namespace isoflop
