// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/backend/activations/formula.hpp"

#include <algorithm>

namespace isoflop {

/// max(x, 0); the slope at 0 is that of the left side.
struct Relu {
  static constexpr Activation kKind = Activation::relu;

  template <typename Math, typename Real = typename Math::Real>
  ISOFLOP_FORMULA static ValueAndSlope<Real> at(Real x) {
    return {x > 0 ? x : Real{0}, x > 0 ? Real{1} : Real{0}};
  }

  static double reference(double x) { return std::max(x, 0.0); }
  static double reference_slope(double x) { return x <= 0 ? 0 : 1; }
};

}  // namespace isoflop
