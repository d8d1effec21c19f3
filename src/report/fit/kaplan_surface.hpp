// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/chinchilla_surface.hpp"

namespace isoflop::fit {

/// ln L = alpha_D LSE(u - r ln N, q - ln D) with (u, q, r, alpha_D), u = r ln N_c, q = ln D_c, r =
/// alpha_N / alpha_D. Source: Kaplan et al. 2020, arXiv:2001.08361, equation 1.5.
struct KaplanSurface {
  static constexpr int kParams = 4;

  KOKKOS_INLINE_FUNCTION static Bound bound(int parameter) {
    if (parameter < 2) return {-12, 8};
    return parameter == 2 ? Bound{0.02, 20} : Bound{0.005, 3};
  }

  /// As ChinchillaSurface::at.
  KOKKOS_INLINE_FUNCTION static double at(const double* theta, const Sample& sample,
                                          double* gradient, double* hessian) {
    const double x = sample.log_params;
    double p = std::exp(theta[0] - theta[2] * x);
    double q = std::exp(theta[1] - sample.log_tokens);
    const double power = theta[3];
    const double sum = p + q;
    const double log_sum = std::log(sum);
    p /= sum;
    q /= sum;
    gradient[0] = power * p;
    gradient[1] = power * q;
    gradient[2] = -power * x * p;
    gradient[3] = log_sum;
    const double direction[] = {1, -1, -x};
    int entry = 0;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j <= i; ++j, ++entry)
        hessian[entry] = power * p * q * direction[i] * direction[j];
    }
    hessian[6] = p;
    hessian[7] = q;
    hessian[8] = -x * p;
    hessian[9] = 0;
    return power * log_sum;
  }

  /// To (ln N_c, ln D_c, alpha_N, alpha_D) of N, D and L themselves.
  static std::vector<double> uncentered(std::span<const double> theta, const SampleCenter& center) {
    const double r = theta[2];
    const double shift = center.log_loss / theta[3];
    return {(theta[0] + shift) / r + center.log_params, theta[1] + shift + center.log_tokens,
            r * theta[3], theta[3]};
  }
  /// Back.
  static std::vector<double> centered(std::span<const double> theta, const SampleCenter& center) {
    const double r = theta[2] / theta[3];
    const double shift = center.log_loss / theta[3];
    return {r * (theta[0] - center.log_params) - shift, theta[1] - center.log_tokens - shift, r,
            theta[3]};
  }
};

}  // namespace isoflop::fit
