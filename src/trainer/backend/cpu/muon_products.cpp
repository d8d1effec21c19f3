// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/muon_products.hpp"

#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/muon.hpp"

#include <algorithm>
#include <utility>

namespace isoflop {
namespace {

/// Rows of a symmetric product that are computed at once, from the diagonal to the right: narrow
/// panels waste less below the diagonal, wide ones make faster products.
constexpr int64_t kPanelRows = 192;
constexpr int64_t kTile = 32;  // of a transposition: two tiles stay in the first cache

/// A matrix with its place in memory.
struct Operand {
  const float* data;
  MatrixLayout layout;
  const float* row(int64_t i) const { return data + i * layout.row_stride; }
  const float* col(int64_t j) const { return data + j * layout.col_stride; }
};

Operand row_major(const float* data, int64_t cols) { return {data, {cols, 1}}; }
Operand transposed(const Operand& a) {
  return {a.data, {a.layout.col_stride, a.layout.row_stride}};
}

/// out (n, n) = a (n, depth) b (depth, n), symmetric: the diagonal and what is right of it.
void upper_product(MatmulCache& matmul, float* out, int64_t n, int64_t depth, const Operand& a,
                   const Operand& b) {
  for (int64_t first = 0; first < n; first += kPanelRows) {
    const CpuMatmulShape shape{.M = std::min(kPanelRows, n - first),
                               .N = n - first,
                               .K = depth,
                               .a = a.layout,
                               .b = b.layout,
                               .c = {n, 1}};
    matmul.run(shape, {.c = out + first * n + first, .a = a.row(first), .b = b.col(first)});
  }
}

/// Copies what is right of the diagonal below it.
void mirror(float* a, int64_t n) {
  parallel_for(n, kTile, n * n, [&](int64_t begin, int64_t end) {
    for (int64_t tile_row = begin; tile_row < end; tile_row += kTile)
      for (int64_t tile_col = 0; tile_col <= tile_row; tile_col += kTile)
        for (int64_t i = tile_row; i < std::min(tile_row + kTile, end); ++i)
          for (int64_t j = tile_col; j < std::min(tile_col + kTile, i); ++j)
            a[i * n + j] = a[j * n + i];
  });
}

/// square = a + b gram + c square, on the diagonal and right of it.
void polynomial(float* square, const float* gram, int64_t n) {
  const auto a = static_cast<float>(kNewtonSchulz[0]), b = static_cast<float>(kNewtonSchulz[1]),
             c = static_cast<float>(kNewtonSchulz[2]);
  parallel_for(n, 1, n * n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = i; j < n; ++j)
        square[i * n + j] = b * gram[i * n + j] + c * square[i * n + j];
      square[i * n + i] += a;
    }
  });
}

/// The matrix as (small, large).
Operand lying(const float* x, int64_t rows, int64_t cols) {
  const Operand stored = row_major(x, cols);
  return rows <= cols ? stored : transposed(stored);
}

/// next = factor x, or x factor where there are more rows than columns.
void multiply(MatmulCache& matmul, const NewtonSchulzMemory& memory, int64_t rows, int64_t cols) {
  const bool wide = rows <= cols;
  const Operand x = row_major(memory.x, cols),
                factor = row_major(memory.factor, wide ? rows : cols);
  const Operand &a = wide ? factor : x, &b = wide ? x : factor;
  const CpuMatmulShape shape{
      .M = rows, .N = cols, .K = wide ? rows : cols, .a = a.layout, .b = b.layout, .c = {cols, 1}};
  matmul.run(shape, {.c = memory.next, .a = a.data, .b = b.data});
}

}  // namespace

const float* orthogonalise(MatmulCache& matmul, NewtonSchulzMemory memory, int64_t rows,
                           int64_t cols, int n_iteration) {
  const int64_t small = std::min(rows, cols), large = std::max(rows, cols);
  for (int i = 0; i < n_iteration; ++i) {
    const Operand x = lying(memory.x, rows, cols);
    upper_product(matmul, memory.gram, small, large, x, transposed(x));
    mirror(memory.gram, small);
    const Operand gram = row_major(memory.gram, small);
    upper_product(matmul, memory.factor, small, small, gram, gram);
    polynomial(memory.factor, memory.gram, small);
    mirror(memory.factor, small);
    multiply(matmul, memory, rows, cols);
    std::swap(memory.x, memory.next);
  }
  return memory.x;
}

}  // namespace isoflop
