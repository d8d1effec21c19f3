// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/chinchilla_surface.hpp"

namespace isoflop::fit {

/// The Chinchilla form of D' = U + U R (1 - exp(-(D / U - 1) / R)) instead of D, with (a, b, e,
/// alpha, beta, ln R): tokens read again count less and less. Source: Muennighoff et al. 2023,
/// arXiv:2305.16264, section 3.1 (their R_D*; parameters in excess do not lose their worth here).
struct DataConstrainedSurface {
  static constexpr int kParams = 6;

  /// R between a hundredth and a thousand epochs.
  KOKKOS_INLINE_FUNCTION static Bound bound(int parameter) {
    return parameter < 5 ? ChinchillaSurface::bound(parameter) : Bound{-4.6, 6.9};
  }

  /// As ChinchillaSurface::at.
  KOKKOS_INLINE_FUNCTION static double at(const double* theta, const Sample& sample,
                                          double* gradient, double* hessian) {
    const double r = std::exp(theta[5]);
    const double log_epochs = sample.log_tokens - sample.log_unique_tokens;
    const double repeats = log_epochs > 0 ? std::expm1(log_epochs) : 0;
    const double decay = std::exp(-repeats / r);
    const double worth = 1 + r * (1 - decay);  // D' / U where tokens are repeated
    const double slope = repeats > 0 ? r * (1 - decay - repeats / r * decay) / worth : 0;
    // d^2 ln D' / d (ln R)^2
    const double bend =
        repeats > 0 ? slope - repeats * repeats / r * decay / worth - slope * slope : 0;
    Sample effective = sample;
    if (repeats > 0) effective.log_tokens = sample.log_unique_tokens + std::log(worth);
    double five[15];
    const double log_loss = ChinchillaSurface::at(theta, effective, gradient, five);
    const double q = gradient[1];
    const double z = effective.log_tokens;
    gradient[5] = -theta[4] * q * slope;
    for (int i = 0; i < 15; ++i) hessian[i] = five[i];
    // The token term's exponent b - beta ln D' has the gradient (0, 1, 0, 0, -ln D', -beta slope).
    const double own = -theta[4] * slope;
    hessian[15] = -gradient[0] * gradient[5];
    hessian[16] = q * own - gradient[1] * gradient[5];
    hessian[17] = -gradient[2] * gradient[5];
    hessian[18] = -gradient[3] * gradient[5];
    hessian[19] = q * (-z * own - slope) - gradient[4] * gradient[5];
    hessian[20] = q * (own * own - theta[4] * bend) - gradient[5] * gradient[5];
    return log_loss;
  }

  static std::vector<double> uncentered(std::span<const double> theta, const SampleCenter& center) {
    std::vector<double> plain = ChinchillaSurface::uncentered(theta.first(5), center);
    plain.push_back(theta[5]);
    return plain;
  }
  static std::vector<double> centered(std::span<const double> theta, const SampleCenter& center) {
    std::vector<double> centred = ChinchillaSurface::centered(theta.first(5), center);
    centred.push_back(theta[5]);
    return centred;
  }
};

}  // namespace isoflop::fit
