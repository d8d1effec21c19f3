// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/tile_product.hpp"

#include "trainer/tensor/bf16.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

/// Small integers: products and sums are exact in f32 (and the factors in bf16), so any order of
/// addition gives equality.
float integer(int64_t i, int64_t step) { return static_cast<float>(i * step % 7 - 3); }

std::vector<float> integers(int64_t n, int64_t step) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (int64_t i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = integer(i, step);
  return values;
}

std::vector<Bf16Pair> pairs(int64_t n, int64_t step) {
  std::vector<Bf16Pair> values(static_cast<std::size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    values[static_cast<std::size_t>(i)].bits =
        static_cast<uint32_t>(to_bf16(integer(2 * i, step)).bits) |
        static_cast<uint32_t>(to_bf16(integer(2 * i + 1, step)).bits) << 16;
  return values;
}

float product_of(float a, float b) { return a * b; }
float product_of(Bf16Pair a, Bf16Pair b) {
  float sum = 0;
  for (const int shift : {0, 16})
    sum += to_float(Bf16{static_cast<uint16_t>(a.bits >> shift)}) *
           to_float(Bf16{static_cast<uint16_t>(b.bits >> shift)});
  return sum;
}

/// a is (M, K), or (K, M) read transposed.
struct Case {
  int64_t M, N, K;
  bool transposed;
  Accumulate accumulate;
};

template <typename E>
void expect_exact(const Case& test, const std::vector<E>& a, const std::vector<E>& b) {
  const auto [M, N, K, transposed, accumulate] = test;
  const int64_t a_row = transposed ? 1 : K, a_col = transposed ? M : 1;
  std::vector<float> c = integers(M * (N + 1), 2), expected = c;
  for (int64_t i = 0; i < M; ++i) {
    for (int64_t j = 0; j < N; ++j) {
      float& sum = expected[static_cast<std::size_t>(i * (N + 1) + j)];
      if (accumulate == Accumulate::no) sum = 0;
      for (int64_t k = 0; k < K; ++k)
        sum += product_of(a[static_cast<std::size_t>(i * a_row + k * a_col)],
                          b[static_cast<std::size_t>(k * (N + 3) + j)]);
    }
  }
  run_tile_product(TileProductOf<E>{M, N, K, c.data(), N + 1, a.data(), a_row, a_col, b.data(),
                                    N + 3, accumulate});
  EXPECT_EQ(c, expected) << M << " x " << N << " x " << K;
}

void expect_exact_in_both_types(const Case& test) {
  const auto [M, N, K, transposed, accumulate] = test;
  expect_exact<float>(test, integers(M * K, 5), integers(K * (N + 3), 3));
  expect_exact<Bf16Pair>(test, pairs(M * K, 5), pairs(K * (N + 3), 3));
}

TEST(TileProduct, exact_for_every_row_remainder_and_vector_width) {
  for (int64_t M = 1; M <= 13; ++M)
    for (const int64_t N : {1, 4, 6, 8, 16, 20, 24, 32, 48, 64})
      for (const bool transposed : {false, true})
        for (const Accumulate accumulate : {Accumulate::no, Accumulate::yes})
          expect_exact_in_both_types({M, N, 9, transposed, accumulate});
}

TEST(TileProduct, leaves_c_alone_without_terms) {
  expect_exact_in_both_types({5, 16, 0, false, Accumulate::yes});
}

}  // namespace
}  // namespace isoflop
