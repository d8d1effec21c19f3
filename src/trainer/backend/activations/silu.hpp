// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/backend/activations/formula.hpp"

#include <cmath>

namespace isoflop {

/// x sigmoid(x). Sources: Hendrycks and Gimpel, arXiv:1606.08415; gated, it is the SwiGLU of
/// Shazeer, arXiv:2002.05202.
struct Silu {
  static constexpr Activation kKind = Activation::silu;

  template <typename Math, typename Real = typename Math::Real>
  ISOFLOP_FORMULA static ValueAndSlope<Real> at(Real x) {
    const Real sigmoid = Math::sigmoid(x);
    return {x * sigmoid, sigmoid * (1 + x * (1 - sigmoid))};
  }

  static double reference(double x) { return x / (1 + std::exp(-x)); }
  /// By the quotient rule.
  static double reference_slope(double x) {
    const double denominator = 1 + std::exp(-x);
    return 1 / denominator + x * std::exp(-x) / (denominator * denominator);
  }
};

}  // namespace isoflop
