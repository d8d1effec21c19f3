// SPDX-License-Identifier: MIT
#include "report/fit/parametric_fit.hpp"

#include "report/fit/minimize_batch.hpp"
#include "report/fit/projection_grid.hpp"
#include "report/fit/resampling.hpp"
#include "report/fit/weights.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace isoflop::fit {
namespace {

using Surface = ChinchillaSurface;
constexpr int P = Surface::kParams;

/// Losses scatter by a few percent at most, so that this delta makes nearly all of them quadratic.
constexpr double kWideDelta = 0.03;

/// Points on the device, centred.
struct Problem {
  std::vector<Sample> samples;
  SampleCenter center;
  SampleView view;
};

SampleCenter center_of(std::span<const ScalingPoint> points) {
  SampleCenter center;
  for (const ScalingPoint& point : points) {
    center.log_params += std::log(point.n_params);
    center.log_tokens += std::log(point.n_tokens);
    center.log_loss += std::log(point.loss);
  }
  const auto n = static_cast<double>(points.size());
  return {center.log_params / n, center.log_tokens / n, center.log_loss / n};
}

Problem make_problem(std::span<const ScalingPoint> points) {
  Problem problem;
  problem.center = center_of(points);
  for (const ScalingPoint& point : points)
    problem.samples.push_back({std::log(point.n_params) - problem.center.log_params,
                               std::log(point.n_tokens) - problem.center.log_tokens, 0,
                               std::log(point.loss) - problem.center.log_loss});
  problem.view = to_device<Sample>("report::fit::samples", problem.samples);
  return problem;
}

/// Directly, and through deltas that shrink from a wide one.
void add_descents(std::size_t problem, std::span<const double> theta,
                  std::vector<Descent<P>>& descents) {
  for (const double first_delta : {0.0, kWideDelta}) {
    Descent<P>& descent = descents.emplace_back();
    descent.problem = problem;
    descent.first_delta = first_delta;
    std::copy(theta.begin(), theta.end(), descent.theta);
  }
}

/// The best minimum of each problem; descents of one problem stand side by side.
std::vector<Minimum<P>> best_minima(const Problem& problem, const WeightView& weights, double delta,
                                    std::span<const Descent<P>> descents) {
  const auto minima = minimize_batch<Surface>(problem.view, weights, delta, descents);
  std::vector<Minimum<P>> best;
  for (std::size_t i = 0; i < minima.size(); ++i) {
    if (i == 0 || descents[i].problem != descents[i - 1].problem)
      best.push_back(minima[i]);
    else if (minima[i].objective < best.back().objective)
      best.back() = minima[i];
  }
  return best;
}

Minimum<P> global_minimum(const Problem& problem, const WeightView& weights, double delta) {
  std::vector<Descent<P>> descents;
  for (const ChinchillaStart& start : projected_starts(problem.view, weights, 0, delta))
    add_descents(0, start, descents);
  return best_minima(problem, weights, delta, descents).front();
}

std::vector<double> theta_of(const Minimum<P>& minimum, const SampleCenter& center) {
  std::array<double, P> theta = {};
  std::copy(minimum.theta, minimum.theta + P, theta.begin());
  theta = Surface::uncentered(theta, center);
  return {theta.begin(), theta.end()};
}

bool has_converged(const Minimum<P>& minimum) {
  return minimum.relative_gradient <= kConvergedGradient;
}

double residual(const Minimum<P>& minimum, const Sample& sample) {
  double gradient[P];
  double hessian[P * (P + 1) / 2];
  return sample.log_loss - Surface::at(minimum.theta, sample, gradient, hessian);
}

SurfaceFit describe(const Minimum<P>& minimum, const Problem& problem) {
  SurfaceFit fit;
  fit.theta = theta_of(minimum, problem.center);
  fit.objective = minimum.objective;
  fit.relative_gradient = minimum.relative_gradient;
  fit.converged = has_converged(minimum);
  fit.at_bound = minimum.at_bound;
  for (const Sample& sample : problem.samples) fit.residuals.push_back(residual(minimum, sample));
  return fit;
}

/// The minima of the other problems of `weights`, from that of one they resemble.
std::vector<Minimum<P>> minima_near(std::span<const double> near, const Problem& problem,
                                    const WeightView& weights, double delta) {
  std::vector<Descent<P>> descents;
  for (std::size_t i = 0; i < weights.extent(0); ++i) add_descents(i, near, descents);
  return best_minima(problem, weights, delta, descents);
}

void add_resamples(const Minimum<P>& minimum, const Problem& problem,
                   std::span<const ScalingPoint> points, const FitSettings& settings,
                   SurfaceFit& fit) {
  if (settings.n_bootstrap == 0) return;
  const auto counts = resample_counts(run_numbers(points), settings.n_bootstrap, settings.seed);
  const auto weights = to_weights(counts, points.size());
  for (const Minimum<P>& resample : minima_near(minimum.theta, problem, weights, settings.delta)) {
    fit.resamples.push_back(theta_of(resample, problem.center));
    if (!has_converged(resample)) ++fit.n_unconverged_resamples;
    if (resample.at_bound) ++fit.n_resamples_at_bound;
    if (has_converged(resample) && !resample.at_bound)
      fit.inner_resamples.push_back(fit.resamples.back());
  }
}

}  // namespace

SurfaceFit fit_chinchilla(std::span<const ScalingPoint> points, const FitSettings& settings) {
  const Problem problem = make_problem(points);
  const std::vector<float> once(points.size(), 1.0F);
  const Minimum<P> minimum =
      global_minimum(problem, to_weights(once, points.size()), settings.delta);
  SurfaceFit fit = describe(minimum, problem);
  add_resamples(minimum, problem, points, settings, fit);
  return fit;
}

std::vector<SurfaceFit> fit_chinchilla_weighted(std::span<const ScalingPoint> points, double delta,
                                                std::span<const std::vector<float>> weights,
                                                const SurfaceFit* near) {
  const Problem problem = make_problem(points);
  std::vector<SurfaceFit> fits;
  if (near == nullptr) {
    for (const std::vector<float>& row : weights)
      fits.push_back(
          describe(global_minimum(problem, to_weights(row, points.size()), delta), problem));
    return fits;
  }
  std::vector<float> rows;
  for (const std::vector<float>& row : weights) rows.insert(rows.end(), row.begin(), row.end());
  const std::vector<double> start = Surface::centered(near->theta, problem.center);
  for (const Minimum<P>& minimum :
       minima_near(start, problem, to_weights(rows, points.size()), delta))
    fits.push_back(describe(minimum, problem));
  return fits;
}

double params_exponent(std::span<const double> theta) { return theta[4] / (theta[3] + theta[4]); }

}  // namespace isoflop::fit
