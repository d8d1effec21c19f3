// SPDX-License-Identifier: MIT
#include "trainer/interchange/transpose.hpp"

#include <algorithm>

namespace isoflop {

std::vector<float> transposed(std::span<const float> matrix, int64_t rows, int64_t cols) {
  constexpr int64_t kTile = 32;  // reads and writes stay within a few pages
  std::vector<float> out(matrix.size());
  for (int64_t row_tile = 0; row_tile < rows; row_tile += kTile)
    for (int64_t col_tile = 0; col_tile < cols; col_tile += kTile)
      for (int64_t row = row_tile; row < std::min(rows, row_tile + kTile); ++row)
        for (int64_t col = col_tile; col < std::min(cols, col_tile + kTile); ++col)
          out[static_cast<std::size_t>(col * rows + row)] =
              matrix[static_cast<std::size_t>(row * cols + col)];
  return out;
}

}  // namespace isoflop
