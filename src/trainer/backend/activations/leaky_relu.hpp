// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/backend/activations/formula.hpp"

#include <algorithm>

namespace isoflop {

/// max(x, kSlope x); the slope at 0 is that of the left side. Source: Maas, Hannun and Ng,
/// "Rectifier nonlinearities improve neural network acoustic models", 2013; PyTorch's slope.
struct LeakyRelu {
  static constexpr Activation kKind = Activation::leaky_relu;
  static constexpr double kSlope = 0.01;  ///< below 0

  template <typename Math, typename Real = typename Math::Real>
  ISOFLOP_FORMULA static ValueAndSlope<Real> at(Real x) {
    constexpr auto k = static_cast<Real>(kSlope);
    return {x > 0 ? x : k * x, x > 0 ? Real{1} : k};
  }

  static double reference(double x) { return std::max(x, kSlope * x); }
  static double reference_slope(double x) { return x <= 0 ? kSlope : 1; }
};

}  // namespace isoflop
