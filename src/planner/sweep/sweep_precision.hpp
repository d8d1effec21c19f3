// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"
#include "planner/sweep/sweep_design.hpp"

#include <optional>
#include <vector>

namespace isoflop {

/// A training that the fit sees; one of each seed.
struct FittedRun {
  int budget = 0;
  double n_params = 0;
  double n_tokens = 0;
};

/// What the fit of a sweep will know about N_opt ~ C^a and D_opt ~ C^(1-a).
struct SweepPrecision {
  double exponent = 0;            ///< a by the law
  double standard_deviation = 0;  ///< of a
};

/// Standard deviation of the fitted exponent when the losses are the law's with independent noise
/// of `loss_noise` nats, to first order.
/// isoflop: at each budget a parabola of the loss in ln N (least squares), whose lowest point has
/// the variance noise^2 g' (X'X)^-1 g, X being (1, x, x^2) and g the gradient of -c1 / (2 c2) at
/// the law's own parabola; then the line through those points weighted by their variances:
/// var a = 1 / sum w (ln C - mean)^2.
/// parametric, grid: Fisher's information of (ln A, ln B, E, alpha, beta) at the law, delta method
/// for a = beta / (alpha + beta).
/// Absent where that many runs do not determine it, or for the latter two a law of another form.
std::optional<SweepPrecision> expected_precision(SweepApproach approach,
                                                 const std::vector<FittedRun>& runs,
                                                 const ScalingLaw& law, double loss_noise);

}  // namespace isoflop
