// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/sample.hpp"

#include <cmath>
#include <span>
#include <vector>

namespace isoflop::fit {

/// Closed range of a parameter; a fit that ends on one of its ends is not to be relied on.
struct Bound {
  double low = 0;
  double high = 0;
};

/// ln L = LSE(a - alpha ln N, b - beta ln D, e) with (a, b, e, alpha, beta), a = ln A and so on.
/// Source: Hoffmann et al. 2022, arXiv:2203.15556, section 3.3.
struct ChinchillaSurface {
  static constexpr int kParams = 5;

  /// Terms at the centre of the samples between 1e-5 and 20 times the mean loss.
  KOKKOS_INLINE_FUNCTION static Bound bound(int parameter) {
    return parameter < 3 ? Bound{-11.5, 3} : Bound{0.005, 4};
  }

  /// ln L at a sample, its gradient, and its Hessian's lower triangle by rows.
  KOKKOS_INLINE_FUNCTION static double at(const double* theta, const Sample& sample,
                                          double* gradient, double* hessian) {
    const double x = sample.log_params;
    const double z = sample.log_tokens;
    double p = std::exp(theta[0] - theta[3] * x);
    double q = std::exp(theta[1] - theta[4] * z);
    double s = std::exp(theta[2]);
    const double sum = p + q + s;
    p /= sum;
    q /= sum;
    s /= sum;
    gradient[0] = p;
    gradient[1] = q;
    gradient[2] = s;
    gradient[3] = -x * p;
    gradient[4] = -z * q;
    const double own[] = {p, 0, q, 0, 0, s, -x * p, 0, 0, x * x * p, 0, -z * q, 0, 0, z * z * q};
    int entry = 0;
    for (int i = 0; i < kParams; ++i) {
      for (int j = 0; j <= i; ++j, ++entry) hessian[entry] = own[entry] - gradient[i] * gradient[j];
    }
    return std::log(sum);
  }

  /// From the centred samples' parameters to those of N, D and L themselves.
  static std::vector<double> uncentered(std::span<const double> theta, const SampleCenter& center) {
    return {theta[0] + theta[3] * center.log_params + center.log_loss,
            theta[1] + theta[4] * center.log_tokens + center.log_loss, theta[2] + center.log_loss,
            theta[3], theta[4]};
  }
  /// Back.
  static std::vector<double> centered(std::span<const double> theta, const SampleCenter& center) {
    return {theta[0] - theta[3] * center.log_params - center.log_loss,
            theta[1] - theta[4] * center.log_tokens - center.log_loss, theta[2] - center.log_loss,
            theta[3], theta[4]};
  }
};

}  // namespace isoflop::fit
