// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace isoflop {

/// Residuals at x, always as many; a function of x alone.
using ResidualFunction = std::function<std::vector<double>(std::span<const double> x)>;

/// Closed intervals, one for each x.
struct Bounds {
  std::vector<double> least;
  std::vector<double> most;
};

struct LeastSquaresFit {
  std::vector<double> x;
  double cost = 0;  ///< half the sum of squared residuals
  int steps = 0;    ///< that lowered it
  bool converged = false;
  /// Of each x, were the residuals normal with standard deviation 1: the square root of the
  /// diagonal of (J^T J)^-1; infinite where no residual depends on it.
  std::vector<double> standard_deviation;
};

/// Levenberg-Marquardt within bounds: damped normal equations with Marquardt's scaling, Jacobian by
/// forward differences; an x at a bound that would leave it stays there for the step.
/// Deterministic. Sources: Marquardt 1963, doi:10.1137/0111030; More 1978, doi:10.1007/BFb0067700.
LeastSquaresFit fit_least_squares(const ResidualFunction& residuals, std::vector<double> start,
                                  const Bounds& bounds);

/// A residual whose square is the soft L1 loss 2 (sqrt(1 + r^2) - 1): as r when small, as
/// sqrt(2 |r|) when large, so that outliers pull with constant force.
double soft_l1_residual(double r);

}  // namespace isoflop
