// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/scaling_data.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace isoflop::fit {

/// The best model that the runs themselves show for one compute.
struct FrontierPoint {
  double compute_flops = 0;
  double n_params = 0;
  std::optional<Range> n_params_95{};
  double loss = 0;
  std::size_t n_point = 0;  ///< points or runs it was chosen among
  double curvature = 0;     ///< of a parabola: its loss is loss + curvature ln(N / n_params)^2
};

/// N = coefficient C^exponent through the frontier, by least squares in logarithms.
struct FrontierFit {
  std::vector<FrontierPoint> points;  ///< by rising compute
  double exponent = 0;
  std::vector<double> resampled_exponents;  ///< of the resamples of runs that have one
  std::size_t n_failed_resamples = 0;
  std::vector<std::string> notes;  ///< what was left out of it and why
};

/// A frontier, or why the runs show none.
using FrontierResult = std::variant<FrontierFit, std::string>;

/// Approach 2 of Hoffmann et al. 2022 (arXiv:2203.15556, section 3.2): points of (nearly) equal
/// compute, a parabola of the loss in ln N through each such group of at least three sizes, its
/// minimum where it lies between the sizes. Kokkos must be initialized.
FrontierResult isoflop_frontier(std::span<const ScalingPoint> points, std::size_t n_bootstrap,
                                uint64_t seed);

/// Approach 1 (section 3.1): at 1,500 values of compute the run whose training curve is lowest
/// there, where smaller and larger models pass too. `curve_points`: several points a run, in
/// between straight in ln C. Kokkos must be initialized.
FrontierResult envelope_frontier(std::span<const ScalingPoint> curve_points,
                                 std::size_t n_bootstrap, uint64_t seed);

}  // namespace isoflop::fit
