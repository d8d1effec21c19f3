// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/tile_product.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

/// Small integers: products and sums are exact in f32, so any order of addition gives equality.
std::vector<float> integers(int64_t n, int64_t step) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    values[static_cast<std::size_t>(i)] = static_cast<float>(i * step % 7 - 3);
  return values;
}

/// a is (M, K), or (K, M) read transposed.
void expect_exact(int64_t M, int64_t N, int64_t K, bool transposed) {
  const auto a = integers(M * K, 5), b = integers(K * (N + 3), 3);
  const int64_t a_row = transposed ? 1 : K, a_col = transposed ? M : 1;
  std::vector<float> c = integers(M * (N + 1), 2), expected = c;
  for (int64_t i = 0; i < M; ++i)
    for (int64_t j = 0; j < N; ++j)
      for (int64_t k = 0; k < K; ++k)
        expected[static_cast<std::size_t>(i * (N + 1) + j)] +=
            a[static_cast<std::size_t>(i * a_row + k * a_col)] *
            b[static_cast<std::size_t>(k * (N + 3) + j)];
  add_tile_product({M, N, K, c.data(), N + 1, a.data(), a_row, a_col, b.data(), N + 3});
  EXPECT_EQ(c, expected) << M << " x " << N << " x " << K;
}

TEST(TileProduct, exact_for_every_row_remainder_and_vector_width) {
  for (int64_t M = 1; M <= 13; ++M)
    for (const int64_t N : {1, 4, 6, 8, 16, 20, 24, 32, 48, 64})
      for (const bool transposed : {false, true}) expect_exact(M, N, 9, transposed);
}

TEST(TileProduct, leaves_c_alone_without_terms) { expect_exact(5, 16, 0, false); }

}  // namespace
}  // namespace isoflop
