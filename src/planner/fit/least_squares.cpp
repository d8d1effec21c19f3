// SPDX-License-Identifier: MIT
#include "planner/fit/least_squares.hpp"

#include "planner/fit/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr int kMostSteps = 60;
constexpr double kDifference = 1e-6;  ///< of the Jacobian, absolute
/// Relative change of the cost below which a step ends the fit.
constexpr double kTolerance = 1e-7;
constexpr double kFirstDamping = 1e-3;
constexpr double kMostDamping = 1e8;

double half_square(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum / 2;
}

/// J^T J and J^T r.
struct NormalEquations {
  SquareMatrix matrix;
  std::vector<double> gradient;
};

/// Columns of J by differences, inwards at the upper bound.
std::vector<std::vector<double>> jacobian(const ResidualFunction& residuals,
                                          const std::vector<double>& x,
                                          const std::vector<double>& at_x, const Bounds& bounds) {
  std::vector<std::vector<double>> columns;
  std::vector<double> moved = x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double step = x[i] + kDifference <= bounds.most[i] ? kDifference : -kDifference;
    moved[i] = x[i] + step;
    std::vector<double> column = residuals(moved);
    for (std::size_t row = 0; row < column.size(); ++row)
      column[row] = (column[row] - at_x[row]) / step;
    columns.push_back(std::move(column));
    moved[i] = x[i];
  }
  return columns;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

NormalEquations normal_equations(const std::vector<std::vector<double>>& columns,
                                 const std::vector<double>& residuals) {
  const std::size_t n = columns.size();
  NormalEquations equations{SquareMatrix(n), std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    equations.gradient[i] = dot(columns[i], residuals);
    for (std::size_t j = 0; j <= i; ++j)
      equations.matrix(i, j) = equations.matrix(j, i) = dot(columns[i], columns[j]);
  }
  return equations;
}

/// Whether going downhill would leave the interval.
bool is_held(double x, double gradient, double least, double most) {
  return (x <= least && gradient > 0) || (x >= most && gradient < 0);
}

/// The damped step from x, clamped to the bounds; x itself when the equations cannot be solved.
std::vector<double> damped_step(const NormalEquations& equations, const std::vector<double>& x,
                                const Bounds& bounds, double damping) {
  SquareMatrix matrix = equations.matrix;
  std::vector<double> right(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool held = is_held(x[i], equations.gradient[i], bounds.least[i], bounds.most[i]);
    right[i] = held ? 0 : -equations.gradient[i];
    for (std::size_t j = 0; held && j < x.size(); ++j) matrix(i, j) = matrix(j, i) = 0;
    matrix(i, i) = matrix(i, i) > 0 ? matrix(i, i) * (1 + damping) : 1;
  }
  const std::optional<SquareMatrix> factor = cholesky(matrix);
  if (!factor) return x;
  std::vector<double> next = solve(*factor, right);
  for (std::size_t i = 0; i < x.size(); ++i)
    next[i] = std::clamp(x[i] + next[i], bounds.least[i], bounds.most[i]);
  return next;
}

std::vector<double> standard_deviations(const SquareMatrix& information) {
  const std::size_t n = information.size();
  SquareMatrix matrix = information;
  for (std::size_t i = 0; i < n; ++i)
    if (matrix(i, i) == 0) matrix(i, i) = 1;
  const std::optional<SquareMatrix> factor = cholesky(matrix);
  std::vector<double> result(n, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; factor && i < n; ++i) {
    std::vector<double> unit(n);
    unit[i] = 1;
    if (information(i, i) > 0) result[i] = std::sqrt(solve(*factor, unit)[i]);
  }
  return result;
}

}  // namespace

LeastSquaresFit fit_least_squares(const ResidualFunction& residuals, std::vector<double> start,
                                  const Bounds& bounds) {
  LeastSquaresFit fit;
  fit.x = std::move(start);
  std::vector<double> at_x = residuals(fit.x);
  fit.cost = half_square(at_x);
  double damping = kFirstDamping;
  NormalEquations equations = normal_equations(jacobian(residuals, fit.x, at_x, bounds), at_x);
  while (!fit.converged && fit.steps < kMostSteps && damping < kMostDamping) {
    const std::vector<double> next = damped_step(equations, fit.x, bounds, damping);
    std::vector<double> at_next = residuals(next);
    const double cost = half_square(at_next);
    if (!(cost < fit.cost)) {
      fit.converged = next == fit.x || fit.cost == 0;
      damping *= 4;
      continue;
    }
    fit.converged = fit.cost - cost <= kTolerance * fit.cost;
    fit.x = next;
    fit.cost = cost;
    at_x = std::move(at_next);
    ++fit.steps;
    damping = std::max(damping / 8, 1e-9);
    equations = normal_equations(jacobian(residuals, fit.x, at_x, bounds), at_x);
  }
  fit.converged = fit.converged || damping >= kMostDamping;
  fit.standard_deviation = standard_deviations(equations.matrix);
  return fit;
}

double soft_l1_residual(double r) {
  const double magnitude = std::sqrt(2 * (std::sqrt(1 + r * r) - 1));
  return std::copysign(magnitude, r);
}

}  // namespace isoflop
