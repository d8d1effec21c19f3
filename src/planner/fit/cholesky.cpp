// SPDX-License-Identifier: MIT
#include "planner/fit/cholesky.hpp"

#include <cmath>

namespace isoflop {

std::optional<SquareMatrix> cholesky(const SquareMatrix& matrix) {
  const std::size_t n = matrix.size();
  SquareMatrix factor(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double rest = matrix(i, j);
      for (std::size_t k = 0; k < j; ++k) rest -= factor(i, k) * factor(j, k);
      if (i == j && !(rest > 0)) return std::nullopt;
      factor(i, j) = i == j ? std::sqrt(rest) : rest / factor(j, j);
    }
  }
  return factor;
}

std::vector<double> solve(const SquareMatrix& factor, std::vector<double> right) {
  const std::size_t n = factor.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) right[i] -= factor(i, k) * right[k];
    right[i] /= factor(i, i);
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) right[i] -= factor(k, i) * right[k];
    right[i] /= factor(i, i);
  }
  return right;
}

}  // namespace isoflop
