// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/backend/activations/formula.hpp"

#include <cmath>
#include <numbers>

namespace isoflop {

/// x Phi(x), Phi the distribution function of the standard normal distribution. Source: Hendrycks
/// and Gimpel, arXiv:1606.08415.
struct GeluErf {
  static constexpr Activation kKind = Activation::gelu_erf;

  template <typename Math, typename Real = typename Math::Real>
  ISOFLOP_FORMULA static ValueAndSlope<Real> at(Real x) {
    constexpr auto kDensityAtZero = static_cast<Real>(0.3989422804014327);  // 1 / sqrt(2 pi)
    constexpr auto kMinusHalf = static_cast<Real>(-0.5);
    const Real phi = Math::normal_cdf(x);
    return {x * phi, phi + x * kDensityAtZero * Math::exp(kMinusHalf * x * x)};
  }

  static double reference(double x) { return x * phi(x); }
  static double reference_slope(double x) {
    return phi(x) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
  }

 private:
  static double phi(double x) { return 0.5 * (1 + std::erf(x / std::numbers::sqrt2)); }
};

}  // namespace isoflop
