// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/fit_options.hpp"
#include "report/fit/scaling_data.hpp"

namespace isoflop::fit {

/// The best N at each of these budgets by each resample's law, as 95 % intervals; budgets where one
/// is beyond what a double holds are left out.
std::vector<ParamsInterval> optimal_params_95(const SurfaceFit& fit,
                                              std::span<const double> compute_flops);

/// Powers of ten from the least compute of the points to `extrapolation` times the largest.
std::vector<double> compute_decades(std::span<const ScalingPoint> points, double extrapolation);

/// The law that the planner reads: percentiles from all resamples, trimmed_covariance of those that
/// end inside the bounds (at one ln A, ln B or ln E is arbitrary), both absent without a bootstrap
/// and in Kaplan's form; the law of a data-constrained fit is that of tokens read once;
/// ranges of the points; tokenizer of the data, else of the options. Name, title and source are
/// left to the caller.
ScalingLaw fitted_law(const SurfaceFit& fit, const ScalingData& data, const FitOptions& options);

}  // namespace isoflop::fit
