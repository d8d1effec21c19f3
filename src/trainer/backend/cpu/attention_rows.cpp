// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/attention_rows.hpp"

#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/vector_math.hpp"
#include "trainer/backend/cpu/vectorise.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace isoflop::attention {
namespace {

/// Elements of a row that are taken at a time; a multiple of 4, as dropout demands.
constexpr int64_t kBlock = 256;
using Block = std::array<float, kBlock + 4>;

/// Calls f(first column, size) on blocks of columns [begin, end).
template <typename F>
void for_blocks(int64_t begin, int64_t end, const F& f) {
  for (int64_t c = begin; c < end; c += kBlock) f(c, std::min(kBlock, end - c));
}

void load(Block& block, const SquareMatrix& m, int64_t row, int64_t column, int64_t n) {
  widen(block.data(), m.at(row, column), m.dtype, n);
}

void store(const SquareMatrix& m, int64_t row, int64_t column, const Block& block, int64_t n) {
  narrow(m.at(row, column), m.dtype, block.data(), n);
}

void zero_columns(const SquareMatrix& m, int64_t row, int64_t begin, int64_t end) {
  std::fill_n(static_cast<std::byte*>(m.at(row, begin)), (end - begin) * size_of(m.dtype),
              std::byte{0});
}

ISOFLOP_VECTORISE float largest_of(const float* values, int64_t n, float start) {
  float largest = start;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) largest = values[i] > largest ? values[i] : largest;
  return largest;
}

ISOFLOP_VECTORISE float sum_of_exp(const float* values, int64_t n, float scale, float largest) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += vector_exp(scale * (values[i] - largest));
  return sum;
}

ISOFLOP_VECTORISE void to_probabilities(float* values, int64_t n, float scale, float largest,
                                        float inverse) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) values[i] = vector_exp(scale * (values[i] - largest)) * inverse;
}

ISOFLOP_VECTORISE void multiply(float* values, const float* factors, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) values[i] *= factors[i];
}

ISOFLOP_VECTORISE float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

ISOFLOP_VECTORISE void to_score_gradients(float* d, const float* p, int64_t n, float row_sum,
                                          float scale) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) d[i] = p[i] * (d[i] - row_sum) * scale;
}

/// A block of the gradient of the probabilities before dropout.
void load_gradient(Block& d, const SquareMatrix& m, int64_t t, int64_t column, int64_t n,
                   const DropoutLane* dropout) {
  load(d, m, t, column, n);
  if (!dropout) return;
  Block factors;
  dropout_factors_of_row(factors.data(), t, column, n, *dropout);
  multiply(d.data(), factors.data(), n);
}

}  // namespace

void* SquareMatrix::at(int64_t row, int64_t column) const {
  return element(data, dtype, row * T + column);
}

void softmax_row(const SquareMatrix& scores, int64_t t, int64_t first, float scale) {
  Block block;
  float largest = -INFINITY, sum = 0;
  for_blocks(first, t + 1, [&](int64_t column, int64_t n) {
    load(block, scores, t, column, n);
    largest = largest_of(block.data(), n, largest);
  });
  for_blocks(first, t + 1, [&](int64_t column, int64_t n) {
    load(block, scores, t, column, n);
    sum += sum_of_exp(block.data(), n, scale, largest);
  });
  for_blocks(first, t + 1, [&](int64_t column, int64_t n) {
    load(block, scores, t, column, n);
    to_probabilities(block.data(), n, scale, largest, 1.0f / sum);
    store(scores, t, column, block, n);
  });
  zero_columns(scores, t, 0, first);
  zero_columns(scores, t, t + 1, scores.T);
}

void drop_row(const SquareMatrix& out, int64_t out_row, const SquareMatrix& probabilities,
              int64_t t, const DropoutLane& dropout) {
  Block p, factors;
  for_blocks(0, t + 1, [&](int64_t column, int64_t n) {
    load(p, probabilities, t, column, n);
    dropout_factors_of_row(factors.data(), t, column, n, dropout);
    multiply(p.data(), factors.data(), n);
    store(out, out_row, column, p, n);
  });
  zero_columns(out, out_row, t + 1, out.T);
}

void softmax_backward_row(const SquareMatrix& d, const SquareMatrix& probabilities, int64_t t,
                          float scale, const DropoutLane* dropout) {
  Block d_p, p;
  float row_sum = 0;
  for_blocks(0, t + 1, [&](int64_t column, int64_t n) {
    load_gradient(d_p, d, t, column, n, dropout);
    load(p, probabilities, t, column, n);
    row_sum += dot(d_p.data(), p.data(), n);
  });
  for_blocks(0, t + 1, [&](int64_t column, int64_t n) {
    load_gradient(d_p, d, t, column, n, dropout);
    load(p, probabilities, t, column, n);
    to_score_gradients(d_p.data(), p.data(), n, row_sum, scale);
    store(d, t, column, d_p, n);
  });
  zero_columns(d, t, t + 1, d.T);
}

}  // namespace isoflop::attention
