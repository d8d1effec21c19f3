// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace isoflop {

/// Coefficients of the quintic Newton-Schulz iteration x = a x + b (x x^T) x + c (x x^T)^2 x, which
/// takes singular values in (0, 1] close to 1 within 5 iterations (Jordan et al., "Muon: an
/// optimizer for hidden layers in neural networks", 2024).
inline constexpr std::array<double, 3> kNewtonSchulz = {3.4445, -4.7750, 2.0315};
/// Added to the norm that the matrix is divided by before.
inline constexpr double kNewtonSchulzEps = 1e-7;

/// What an orthogonalised update is multiplied by to have AdamW's root mean square, 0.2 (Liu et
/// al., arXiv:2502.16982, section 2.2).
inline double muon_update_scale(int64_t rows, int64_t cols) {
  return 0.2 * std::sqrt(static_cast<double>(std::max(rows, cols)));
}

}  // namespace isoflop
