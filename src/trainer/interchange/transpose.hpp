// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// The transpose (cols, rows) of a row-major matrix (rows, cols).
std::vector<float> transposed(std::span<const float> matrix, int64_t rows, int64_t cols);

}  // namespace isoflop
