// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// Small f32 product for cache-resident tiles: c (M, N) += a (M, K) b (K, N). Rows of b and c are
/// contiguous; a has any strides, so that it may be a transposed tile.
struct TileProduct {
  int64_t M, N, K;
  float* c;
  int64_t c_stride;
  const float* a;
  int64_t a_row_stride, a_col_stride;
  const float* b;
  int64_t b_stride;
};

/// Runs the kernel of the widest vectors that the processor has and N is a multiple of.
void add_tile_product(const TileProduct& product);

}  // namespace isoflop
