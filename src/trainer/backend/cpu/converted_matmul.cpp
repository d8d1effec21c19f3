// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/converted_matmul.hpp"

#include "core/parallel/cpu_scratch.hpp"
#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/parallel.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// Rows and columns [row, row + rows) x [col, col + cols) of a matrix.
struct Block {
  int64_t row, col, rows, cols;

  int64_t size() const { return rows * cols; }
};

Block block_at(int64_t row, int64_t col, int64_t most_rows, int64_t most_cols, int64_t n_rows,
               int64_t n_cols) {
  return {row, col, std::min(most_rows, n_rows - row), std::min(most_cols, n_cols - col)};
}

template <typename Void>
Void* first_of(const Block& block, const MatrixLayout& layout, Void* data) {
  return element(data, layout.dtype, block.row * layout.row_stride + block.col * layout.col_stride);
}

/// Gives out parts of the caller's scratch, front to back.
struct Scratch {
  float* next;

  float* take(int64_t n) {
    float* const result = next;
    next += n;
    return result;
  }
};

/// A block of an operand as f32.
struct F32Block {
  float* data;
  MatrixLayout layout;
};

/// Converted and packed along the dimension that was contiguous.
F32Block converted(float* out, const Block& block, const MatrixLayout& layout, const void* in) {
  const bool by_row = layout.col_stride == 1;
  const int64_t lines = by_row ? block.rows : block.cols;
  const int64_t length = by_row ? block.cols : block.rows;
  const int64_t stride = by_row ? layout.row_stride : layout.col_stride;
  const void* const first = first_of(block, layout, in);
  parallel_for(lines, 1, block.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      widen(out + i * length, element(first, layout.dtype, i * stride), layout.dtype, length);
  });
  return {out, by_row ? MatrixLayout{length, 1} : MatrixLayout{1, length}};
}

/// Where it lies if it is f32, otherwise converted into `scratch`.
F32Block as_f32(Scratch& scratch, const Block& block, const MatrixLayout& layout, const void* in) {
  if (layout.dtype != DType::f32) return converted(scratch.take(block.size()), block, layout, in);
  return {static_cast<float*>(const_cast<void*>(first_of(block, layout, in))), layout};
}

/// Rows of c from a packed block.
void store(void* c, const MatrixLayout& layout, const Block& block, const float* sums) {
  void* const first = first_of(block, layout, c);
  parallel_for(block.rows, 1, block.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      narrow(element(first, layout.dtype, i * layout.row_stride), layout.dtype,
             sums + i * block.cols, block.cols);
  });
}

/// One block of c: the sum over blocks of K, then rounded.
void run_block(MatmulCache& products, const CpuMatmulShape& s, const CpuMatmulOperands& operands,
               const Block& block) {
  Scratch scratch{operands.scratch};
  const bool in_place = s.c.dtype == DType::f32;
  const F32Block c = in_place ? as_f32(scratch, block, s.c, operands.c)
                              : F32Block{scratch.take(block.size()), {block.cols, 1}};
  const Block bias_block{0, block.col, 1, block.cols};
  const float* const bias =
      s.bias ? as_f32(scratch, bias_block, {s.N, 1, *s.bias}, operands.bias).data : nullptr;
  for (int64_t k = 0; k < s.K; k += kConvertedDepth) {
    Scratch of_step = scratch;
    const int64_t depth = std::min(kConvertedDepth, s.K - k);
    const F32Block a = as_f32(of_step, {block.row, k, block.rows, depth}, s.a, operands.a);
    const F32Block b = as_f32(of_step, {k, block.col, depth, block.cols}, s.b, operands.b);
    CpuMatmulShape step{block.rows, block.cols, depth, a.layout, b.layout, c.layout};
    if (s.bias && k == 0) step.bias = DType::f32;
    if (k > 0) step.accumulate = Accumulate::yes;
    if (k == 0) step.accumulate = s.accumulate;
    products.run(step, {.c = c.data, .a = a.data, .b = b.data, .bias = bias});
  }
  if (!in_place) store(operands.c, s.c, block, c.data);
}

int64_t floats_unless_f32(DType type, int64_t n) { return type == DType::f32 ? 0 : n; }

}  // namespace

int64_t converted_matmul_scratch_floats(const CpuMatmulShape& s) {
  const int64_t rows = std::min(s.M, kConvertedRows), cols = std::min(s.N, kConvertedCols);
  const int64_t depth = std::min(s.K, kConvertedDepth);
  return floats_unless_f32(s.a.dtype, rows * depth) + floats_unless_f32(s.b.dtype, depth * cols) +
         floats_unless_f32(s.c.dtype, rows * cols) +
         floats_unless_f32(s.bias.value_or(DType::f32), cols);
}

void run_converted_matmul(MatmulCache& products, const CpuMatmulShape& shape,
                          const CpuMatmulOperands& operands) {
  for (int64_t n = 0; n < shape.N; n += kConvertedCols)
    for (int64_t m = 0; m < shape.M; m += kConvertedRows)
      run_block(products, shape, operands,
                block_at(m, n, kConvertedRows, kConvertedCols, shape.M, shape.N));
}

}  // namespace isoflop
