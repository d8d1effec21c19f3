// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"

#include <array>
#include <cmath>

namespace isoflop {

/// Two-sided 95 % of the normal distribution.
inline constexpr double kNormal95 = 1.959964;

/// Derivatives by (ln A, ln B, ln E, alpha, beta).
using LawGradient = std::array<double, 5>;

/// Standard deviation of a quantity with this gradient, to first order.
inline double standard_deviation(const LawCovariance& covariance, const LawGradient& gradient) {
  double variance = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    for (std::size_t j = 0; j < gradient.size(); ++j)
      variance += gradient[i] * covariance[i][j] * gradient[j];
  }
  return std::sqrt(variance);
}

/// A correlation matrix has no entry beyond 1 and no negative eigenvalue; the latter shows as a
/// negative pivot of the Cholesky factorisation.
inline bool is_positive_definite(const LawCovariance& covariance) {
  LawCovariance factor = {};
  for (std::size_t i = 0; i < factor.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double rest = covariance[i][j];
      for (std::size_t k = 0; k < j; ++k) rest -= factor[i][k] * factor[j][k];
      if (i == j && !(rest > 0)) return false;
      factor[i][j] = i == j ? std::sqrt(rest) : rest / factor[j][j];
    }
  }
  return true;
}

}  // namespace isoflop
