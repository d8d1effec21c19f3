// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "report/fit/parametric_fit.hpp"

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace isoflop::fit {

/// The fit without one run and what it says of that run.
struct LeftOutRun {
  std::string run;
  std::vector<double> theta;
  double log_error = 0;  ///< mean of ln L - ln L_fit over the run's points, by the fit without them
};

/// For each run, in the order of run_numbers. Kokkos must be initialized.
std::vector<LeftOutRun> leave_one_out(std::span<const ScalingPoint> points, const SurfaceFit& fit,
                                      const FitSettings& settings);

/// The five runs without which the exponent a moves most, and the leave-one-out error over all.
Table influence_table(std::span<const LeftOutRun> runs, const SurfaceFit& fit);

/// Runs of (nearly) equal compute that a fit to smaller ones foretells.
struct ForetoldBudget {
  double compute_flops = 0;  ///< largest of the budget
  std::size_t n_point = 0;
  double mean_log_error = 0;  ///< of ln L - ln L_fit
  double rms_log_error = 0;
};

struct Extrapolation {
  double fitted_to = 0;  ///< largest compute of the points that were fitted
  std::size_t n_fitted = 0;
  std::vector<ForetoldBudget> budgets;
};

/// Fits without the largest budgets, a fifth of the points, and compares; or says why what is left
/// cannot carry a fit. Kokkos must be initialized.
std::variant<Extrapolation, std::string> extrapolation_check(std::span<const ScalingPoint> points,
                                                             const FitSettings& settings);

Table extrapolation_table(const std::variant<Extrapolation, std::string>& check);

}  // namespace isoflop::fit
