// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/law_form.hpp"
#include "report/fit/scaling_data.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop::fit {

/// Hoffmann et al. 2022 and all who fitted after them use this delta on the logarithm of the loss.
inline constexpr double kHuberDelta = 1e-3;

struct FitSettings {
  Form form = Form::chinchilla;
  double delta = kHuberDelta;
  std::size_t n_bootstrap = 4000;
  uint64_t seed = 0;
};

/// The parameters of a form and how they were found.
struct SurfaceFit {
  Form form = Form::chinchilla;
  std::vector<double> theta;
  double objective = 0;          ///< sum over points of Huber_delta(ln L - ln L_fit)
  double relative_gradient = 0;  ///< see Minimum
  bool converged = false;
  bool at_bound = false;
  std::vector<double> residuals;                     ///< ln L - ln L_fit of each point
  std::vector<std::vector<double>> resamples;        ///< theta of each bootstrap resample of runs
  std::vector<std::vector<double>> inner_resamples;  ///< those that converged inside the bounds
  std::size_t n_unconverged_resamples = 0;
  std::size_t n_resamples_at_bound = 0;
};

/// The global minimum, by Newton's method from many starts. Chinchilla form: variable projection on
/// a grid of alpha and beta finds them; data_constrained: from there with seven values of R;
/// kaplan: a grid of 60. Resamples start from the minimum, each directly and through larger deltas,
/// and keep the better. Sorted points give results that do not depend on their order. Kokkos must
/// be initialized.
SurfaceFit fit_surface(std::span<const ScalingPoint> points, const FitSettings& settings);

/// The same minimum with each row of `weights` (one a point) in turn; no resamples in the results.
/// With `near`, a fit to the same points, searched from there as for resamples.
std::vector<SurfaceFit> fit_surface_weighted(std::span<const ScalingPoint> points,
                                             const FitSettings& settings,
                                             std::span<const std::vector<float>> weights,
                                             const SurfaceFit* near = nullptr);

}  // namespace isoflop::fit
