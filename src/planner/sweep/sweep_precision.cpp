// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_precision.hpp"

#include "planner/fit/cholesky.hpp"

#include <cmath>
#include <map>

namespace isoflop {
namespace {

/// Sums of x x' over rows, scaled to unit diagonal so that the factorisation is well conditioned.
class NormalEquations {
 public:
  explicit NormalEquations(std::size_t n) : sums_(n) {}

  void add(const std::vector<double>& row) {
    for (std::size_t i = 0; i < row.size(); ++i)
      for (std::size_t j = 0; j < row.size(); ++j) sums_(i, j) += row[i] * row[j];
  }

  /// (X'X)^-1 times a vector; absent where the rows do not determine it.
  std::optional<std::vector<double>> solve(std::vector<double> right) const {
    SquareMatrix scaled = sums_;
    std::vector<double> scale(sums_.size());
    for (std::size_t i = 0; i < sums_.size(); ++i) scale[i] = 1 / std::sqrt(sums_(i, i));
    for (std::size_t i = 0; i < sums_.size(); ++i)
      for (std::size_t j = 0; j < sums_.size(); ++j) scaled(i, j) *= scale[i] * scale[j];
    constexpr double kSingular = 1e-6;  // of the last pivot: rows that barely differ
    const std::optional<SquareMatrix> factor = cholesky(scaled);
    if (!factor) return std::nullopt;
    for (std::size_t i = 0; i < sums_.size(); ++i)
      if ((*factor)(i, i) < kSingular) return std::nullopt;
    for (std::size_t i = 0; i < sums_.size(); ++i) right[i] *= scale[i];
    std::vector<double> solution = isoflop::solve(*factor, std::move(right));
    for (std::size_t i = 0; i < sums_.size(); ++i) solution[i] *= scale[i];
    return solution;
  }

 private:
  SquareMatrix sums_;
};

/// g' (X'X)^-1 g
std::optional<double> quadratic_form(const NormalEquations& equations,
                                     const std::vector<double>& gradient) {
  const auto solution = equations.solve(gradient);
  if (!solution) return std::nullopt;
  double form = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) form += gradient[i] * (*solution)[i];
  return form;
}

/// The lowest point of a budget's parabola.
struct Vertex {
  double log_compute = 0;
  double log_params = 0;
  double variance = 0;  ///< of log_params, for noise of one
};

std::optional<Vertex> vertex_of(const std::vector<FittedRun>& runs, const ScalingLaw& law) {
  double centre = 0;
  double log_compute = 0;
  for (const FittedRun& run : runs) {
    centre += std::log(run.n_params) / static_cast<double>(runs.size());
    log_compute += std::log(6 * run.n_params * run.n_tokens) / static_cast<double>(runs.size());
  }
  NormalEquations equations(3);
  std::vector<double> right(3);
  for (const FittedRun& run : runs) {
    const double x = std::log(run.n_params) - centre;
    const std::vector<double> row = {1, x, x * x};
    equations.add(row);
    for (std::size_t i = 0; i < row.size(); ++i)
      right[i] += row[i] * loss(law, run.n_params, run.n_tokens);
  }
  const auto parabola = equations.solve(right);
  if (!parabola || (*parabola)[2] <= 0) return std::nullopt;
  const double slope = (*parabola)[1];
  const double curvature = (*parabola)[2];
  const auto variance =
      quadratic_form(equations, {0, -1 / (2 * curvature), slope / (2 * curvature * curvature)});
  if (!variance) return std::nullopt;
  return Vertex{log_compute, centre - slope / (2 * curvature), *variance};
}

/// The line through the vertices.
std::optional<SweepPrecision> line_through(const std::vector<Vertex>& vertices, double loss_noise) {
  double weights = 0;
  double mean_x = 0;
  double mean_y = 0;
  for (const Vertex& vertex : vertices) {
    weights += 1 / vertex.variance;
    mean_x += vertex.log_compute / vertex.variance;
    mean_y += vertex.log_params / vertex.variance;
  }
  mean_x /= weights;
  mean_y /= weights;
  double spread = 0;
  double product = 0;
  for (const Vertex& vertex : vertices) {
    const double x = vertex.log_compute - mean_x;
    spread += x * x / vertex.variance;
    product += x * (vertex.log_params - mean_y) / vertex.variance;
  }
  if (!(spread > 0)) return std::nullopt;
  return SweepPrecision{product / spread, loss_noise / std::sqrt(spread)};
}

std::optional<SweepPrecision> precision_of_parabolas(const std::vector<FittedRun>& runs,
                                                     const ScalingLaw& law, double loss_noise) {
  std::map<int, std::vector<FittedRun>> budgets;
  for (const FittedRun& run : runs) budgets[run.budget].push_back(run);
  std::vector<Vertex> vertices;
  for (const auto& [budget, of_budget] : budgets) {
    const auto vertex = vertex_of(of_budget, law);
    if (!vertex) return std::nullopt;
    vertices.push_back(*vertex);
  }
  return line_through(vertices, loss_noise);
}

std::optional<SweepPrecision> precision_of_surface(const std::vector<FittedRun>& runs,
                                                   const ChinchillaForm& form, double loss_noise) {
  NormalEquations equations(5);
  for (const FittedRun& run : runs) {
    const double by_params = form.A * std::pow(run.n_params, -form.alpha);
    const double by_tokens = form.B * std::pow(run.n_tokens, -form.beta);
    equations.add({by_params, by_tokens, 1, -by_params * std::log(run.n_params),
                   -by_tokens * std::log(run.n_tokens)});
  }
  const double sum = form.alpha + form.beta;
  const auto variance =
      quadratic_form(equations, {0, 0, 0, -form.beta / (sum * sum), form.alpha / (sum * sum)});
  if (!variance) return std::nullopt;
  return SweepPrecision{form.beta / sum, loss_noise * std::sqrt(*variance)};
}

}  // namespace

std::optional<SweepPrecision> expected_precision(SweepApproach approach,
                                                 const std::vector<FittedRun>& runs,
                                                 const ScalingLaw& law, double loss_noise) {
  if (approach == SweepApproach::isoflop) return precision_of_parabolas(runs, law, loss_noise);
  const auto* const form = std::get_if<ChinchillaForm>(&law.form);
  return form == nullptr ? std::nullopt : precision_of_surface(runs, *form, loss_noise);
}

}  // namespace isoflop
