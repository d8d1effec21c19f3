// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/matmul.hpp"

#include <cstdint>

namespace isoflop {

/// Two bf16 that stand one after the other along K, the first in the lower half.
struct Bf16Pair {
  uint32_t bits;
};

/// Small product for cache-resident tiles: c (M, N) = a (M, K) b (K, N) [+ c], summed in f32. Rows
/// of b and c are contiguous; a has any strides, so that it may be a transposed tile.
template <typename E>
struct TileProductOf {
  using Element = E;
  int64_t M, N, K;
  float* c;
  int64_t c_stride;
  const E* a;
  int64_t a_row_stride, a_col_stride;
  const E* b;
  int64_t b_stride;
  Accumulate accumulate = Accumulate::yes;
};
using TileProduct = TileProductOf<float>;
/// An element of a and b is two terms of the sum: K counts pairs.
using PairTileProduct = TileProductOf<Bf16Pair>;

/// Runs the kernel of the widest vectors that the processor has and N is a multiple of.
void run_tile_product(const TileProduct& product);
void run_tile_product(const PairTileProduct& product);

/// True where the processor multiplies pairs of bf16 (AVX-512 BF16) 16 columns at a time; elsewhere
/// their products are plain loops.
bool has_fast_pair_products();

}  // namespace isoflop
