// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/backend/activations/formula.hpp"

#include <cmath>
#include <numbers>

namespace isoflop {

/// x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3). Source: Hendrycks and Gimpel,
/// arXiv:1606.08415.
struct GeluTanh {
  static constexpr Activation kKind = Activation::gelu_tanh;
  static constexpr double kCubic = 0.044715;

  /// As x sigmoid(2u), which keeps its relative accuracy for negative x.
  template <typename Math, typename Real = typename Math::Real>
  ISOFLOP_FORMULA static ValueAndSlope<Real> at(Real x) {
    constexpr auto kTwice = static_cast<Real>(1.5957691216057308);  // 2 sqrt(2/pi)
    constexpr auto k = static_cast<Real>(kCubic), k3 = static_cast<Real>(3 * kCubic);
    const Real sigmoid = Math::sigmoid(kTwice * (x + k * x * x * x));
    const Real inner_slope = kTwice * (1 + k3 * x * x);
    return {x * sigmoid, sigmoid * (1 + x * (1 - sigmoid) * inner_slope)};
  }

  static double reference(double x) { return 0.5 * x * (1 + std::tanh(inner(x))); }
  static double reference_slope(double x) {
    const double t = std::tanh(inner(x));
    const double inner_slope = std::sqrt(2 / std::numbers::pi) * (1 + 3 * kCubic * x * x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner_slope;
  }

 private:
  static double inner(double x) {
    return std::sqrt(2 / std::numbers::pi) * (x + kCubic * x * x * x);
  }
};

}  // namespace isoflop
