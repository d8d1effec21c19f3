// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/parametric_fit.hpp"

#include <span>
#include <string>
#include <vector>

namespace isoflop::fit {

/// Below these a fit of five parameters describes its runs and nothing else.
inline constexpr std::size_t kMinRuns = 8;
inline constexpr double kMinComputeRatio = 10;
inline constexpr std::size_t kMinSizes = 3;  ///< different N, and different D
/// A larger share of resamples without a minimum makes intervals arbitrary.
inline constexpr double kMaxUnconvergedShare = 0.01;
/// With more at a bound than in one tail of a 95 % interval the interval's end is the bound.
inline constexpr double kMaxShareAtBound = 0.025;

std::size_t n_runs(std::span<const ScalingPoint> points);

/// Why the runs cannot carry a law, whatever is fitted to them; empty when they can.
std::vector<std::string> problems_of_data(std::span<const ScalingPoint> points);

/// Why the minimum or its intervals are not to be relied on; empty when they are.
std::vector<std::string> problems_of_fit(const SurfaceFit& fit);

}  // namespace isoflop::fit
