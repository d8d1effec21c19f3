// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/chinchilla_surface.hpp"

#include <cmath>

namespace isoflop::fit {

/// Residuals of ln L below this are rounding: a fit through all points has converged.
inline constexpr double kLeastResidual = 1e-8;

/// Where a minimisation ended.
template <int P>
struct Minimum {
  double theta[P] = {};
  double objective = 0;
  /// Largest |sum of w psi g_j| / sum of |w psi g_j| over the parameters that are free to move: 0
  /// at a stationary point, whatever the units and the scale of the objective.
  double relative_gradient = 0;
  int iterations = 0;
  bool at_bound = false;
};

/// The sum over samples of w Huber_delta(ln L - ln L_fit), to second order in the parameters.
template <int P>
struct HuberExpansion {
  double objective = 0;
  double gradient[P] = {};
  double gradient_scale[P] = {};  ///< sum of absolute values, each at least of kLeastResidual
  double hessian[P * (P + 1) / 2] = {};  ///< lower triangle by rows
  double majorant[P] = {};               ///< diagonal of the curvature of reweighted least squares
};

template <typename Surface>
KOKKOS_INLINE_FUNCTION HuberExpansion<Surface::kParams> expand(const SampleView& samples,
                                                               const float* weights,
                                                               const double* theta, double delta) {
  constexpr int P = Surface::kParams;
  HuberExpansion<P> sum;
  double slope[P];
  double curvature[P * (P + 1) / 2];
  for (std::size_t i = 0; i < samples.extent(0); ++i) {
    const double w = weights[i];
    if (w == 0) continue;
    const double r = samples(i).log_loss - Surface::at(theta, samples(i), slope, curvature);
    const double size = r < 0 ? -r : r;
    const bool inside = size <= delta;
    sum.objective += w * (inside ? r * r / 2 : delta * (size - delta / 2));
    const double psi = w * (inside ? r : (r < 0 ? -delta : delta));
    const double second = inside ? w : 0;
    const double reweighted = inside ? w : w * delta / size;
    int entry = 0;
    for (int j = 0; j < P; ++j) {
      const double part = psi * slope[j];
      sum.gradient[j] -= part;
      const double size_of_part = part < 0 ? -part : part;
      const double least = kLeastResidual * w * (slope[j] < 0 ? -slope[j] : slope[j]);
      sum.gradient_scale[j] += size_of_part < least ? least : size_of_part;
      sum.majorant[j] += reweighted * slope[j] * slope[j];
      for (int k = 0; k <= j; ++k, ++entry)
        sum.hessian[entry] += second * slope[j] * slope[k] - psi * curvature[entry];
    }
  }
  return sum;
}

/// Solves (H + damping diag) step = -gradient for the parameters that are free and matter, 0 for
/// the others; false when that matrix is not positive definite.
template <int P>
KOKKOS_INLINE_FUNCTION bool damped_step(const HuberExpansion<P>& at, const bool* is_free,
                                        double damping, double* step) {
  bool moves[P];
  for (int i = 0; i < P; ++i) moves[i] = is_free[i] && at.majorant[i] > 0;
  double factor[P][P];
  for (int i = 0; i < P; ++i) {
    for (int j = 0; j <= i; ++j) {
      double rest = i == j ? 1 : 0;
      if (moves[i] && moves[j]) {
        rest = at.hessian[i * (i + 1) / 2 + j];
        if (i == j) rest += damping * at.majorant[i];
      }
      const double full = rest;
      for (int k = 0; k < j; ++k) rest -= factor[i][k] * factor[j][k];
      if (i == j && !(rest > 1e-14 * full && rest > 0)) return false;
      factor[i][j] = i == j ? std::sqrt(rest) : rest / factor[j][j];
    }
  }
  for (int i = 0; i < P; ++i) {
    double rest = moves[i] ? -at.gradient[i] : 0;
    for (int k = 0; k < i; ++k) rest -= factor[i][k] * step[k];
    step[i] = rest / factor[i][i];
  }
  for (int i = P; i-- > 0;) {
    double rest = step[i];
    for (int k = i + 1; k < P; ++k) rest -= factor[k][i] * step[k];
    step[i] = rest / factor[i][i];
  }
  return true;
}

/// By how much the quadratic model falls over a step (above 0 for a descent).
template <int P>
KOKKOS_INLINE_FUNCTION double model_decrease(const HuberExpansion<P>& at, const double* step) {
  double decrease = 0;
  for (int i = 0; i < P; ++i) {
    decrease -= at.gradient[i] * step[i];
    for (int j = 0; j <= i; ++j)
      decrease -= (i == j ? 0.5 : 1) * step[i] * at.hessian[i * (i + 1) / 2 + j] * step[j];
  }
  return decrease;
}

/// A parameter on a bound whose descent leads out of it stays there.
template <typename Surface>
KOKKOS_INLINE_FUNCTION bool find_free(const double* theta, const double* gradient, bool* is_free) {
  bool all_free = true;
  for (int j = 0; j < Surface::kParams; ++j) {
    const Bound bound = Surface::bound(j);
    is_free[j] = !((theta[j] <= bound.low && gradient[j] >= 0) ||
                   (theta[j] >= bound.high && gradient[j] <= 0));
    all_free = all_free && is_free[j];
  }
  return all_free;
}

template <int P>
KOKKOS_INLINE_FUNCTION double relative_gradient(const HuberExpansion<P>& at, const bool* is_free) {
  double largest = 0;
  for (int j = 0; j < P; ++j) {
    const double size = at.gradient[j] < 0 ? -at.gradient[j] : at.gradient[j];
    if (is_free[j] && size > largest * at.gradient_scale[j]) largest = size / at.gradient_scale[j];
  }
  return largest;
}

/// Newton's method with Levenberg's damping inside the bounds of the surface, from `theta`. Stops
/// at a relative gradient of `tolerance`, after `max_iterations`, or where rounding hides any
/// further descent.
template <typename Surface>
KOKKOS_INLINE_FUNCTION Minimum<Surface::kParams> minimize_huber(const SampleView& samples,
                                                                const float* weights,
                                                                const double* start, double delta,
                                                                double tolerance,
                                                                int max_iterations) {
  constexpr int P = Surface::kParams;
  Minimum<P> best;
  for (int j = 0; j < P; ++j) {
    const Bound bound = Surface::bound(j);
    best.theta[j] =
        start[j] < bound.low ? bound.low : (start[j] > bound.high ? bound.high : start[j]);
  }
  HuberExpansion<P> here = expand<Surface>(samples, weights, best.theta, delta);
  double damping = 1e-3;
  bool is_free[P];
  best.at_bound = !find_free<Surface>(best.theta, here.gradient, is_free);
  best.relative_gradient = relative_gradient(here, is_free);
  while (best.relative_gradient > tolerance && best.iterations < max_iterations && damping < 1e12) {
    ++best.iterations;
    double step[P];
    if (!damped_step(here, is_free, damping, step)) {
      damping = damping < 1e-6 ? 1e-5 : damping * 10;
      continue;
    }
    double theta[P];
    for (int j = 0; j < P; ++j) {
      const Bound bound = Surface::bound(j);
      const double to = best.theta[j] + step[j];
      theta[j] = to < bound.low ? bound.low : (to > bound.high ? bound.high : to);
      step[j] = theta[j] - best.theta[j];
    }
    const HuberExpansion<P> there = expand<Surface>(samples, weights, theta, delta);
    const double expected = model_decrease(here, step);
    const double fall = here.objective - there.objective;
    bool next_free[P];
    const bool all_free = find_free<Surface>(theta, there.gradient, next_free);
    const double next_gradient = relative_gradient(there, next_free);
    // Below what a sum of doubles resolves the gradient tells whether a step leads on.
    const bool below_rounding = (fall < 0 ? -fall : fall) < 1e-13 * here.objective &&
                                next_gradient < best.relative_gradient;
    if (!(fall > 1e-4 * expected && expected > 0) && !below_rounding) {
      damping = damping < 1e-6 ? 1e-5 : damping * 8;
      continue;
    }
    damping *= fall > 0.7 * expected ? 0.1 : (fall < 0.25 * expected ? 3 : 1);
    for (int j = 0; j < P; ++j) {
      best.theta[j] = theta[j];
      is_free[j] = next_free[j];
    }
    here = there;
    best.at_bound = !all_free;
    best.relative_gradient = next_gradient;
  }
  best.objective = here.objective;
  return best;
}

}  // namespace isoflop::fit
