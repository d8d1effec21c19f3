// SPDX-License-Identifier: MIT
#include "report/fit/parametric_fit.hpp"

#include "report/fit/data_constrained_surface.hpp"
#include "report/fit/kaplan_surface.hpp"
#include "report/fit/minimize_batch.hpp"
#include "report/fit/projection_grid.hpp"
#include "report/fit/resampling.hpp"
#include "report/fit/weights.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop::fit {
namespace {

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
    problem.samples.push_back(
        {std::log(point.n_params) - problem.center.log_params,
         std::log(point.n_tokens) - problem.center.log_tokens,
         std::log(point.unique_tokens.value_or(point.n_tokens)) - problem.center.log_tokens,
         std::log(point.loss) - problem.center.log_loss});
  problem.view = to_device<Sample>("report::fit::samples", problem.samples);
  return problem;
}

using Starts = std::vector<std::vector<double>>;

Starts chinchilla_starts(const Problem& problem, const WeightView& weights, double delta) {
  Starts starts;
  for (const ChinchillaStart& start : projected_starts(problem.view, weights, 0, delta))
    starts.emplace_back(start.begin(), start.end());
  return starts;
}

template <typename Surface>
Starts starts_of(const Problem& problem, const WeightView& weights, double delta);

template <>
Starts starts_of<ChinchillaSurface>(const Problem& problem, const WeightView& weights,
                                    double delta) {
  return chinchilla_starts(problem, weights, delta);
}

template <>
Starts starts_of<DataConstrainedSurface>(const Problem& problem, const WeightView& weights,
                                         double delta) {
  Starts starts;
  for (const std::vector<double>& start : chinchilla_starts(problem, weights, delta)) {
    for (const double r : {0.3, 1.0, 3.0, 6.0, 15.0, 50.0, 200.0}) {
      starts.push_back(start);
      starts.back().push_back(std::log(r));
    }
  }
  return starts;
}

template <>
Starts starts_of<KaplanSurface>(const Problem&, const WeightView&, double) {
  Starts starts;
  for (const double ratio : {0.25, 0.5, 1.0, 2.0, 4.0}) {
    for (const double alpha_d : {0.03, 0.1, 0.3, 1.0}) {
      for (const double share : {0.1, 0.5, 0.9})
        starts.push_back({std::log(share), std::log(1 - share), ratio, alpha_d});
    }
  }
  return starts;
}

/// Fits of one form.
template <typename Surface>
class SurfaceFitter {
 public:
  SurfaceFitter(std::span<const ScalingPoint> points, const FitSettings& settings)
      : points_(points), settings_(settings), problem_(make_problem(points)) {}

  SurfaceFit fit() const {
    const std::vector<float> once(points_.size(), 1.0F);
    const Minimum<P> minimum = global_minimum(once);
    SurfaceFit fit = describe(minimum);
    add_resamples(minimum, fit);
    return fit;
  }

  SurfaceFit fit_global(const std::vector<float>& weights) const {
    return describe(global_minimum(weights));
  }

  std::vector<SurfaceFit> fit_near(std::span<const double> near,
                                   std::span<const float> rows) const {
    const std::vector<double> start = Surface::centered(near, problem_.center);
    std::vector<SurfaceFit> fits;
    for (const Minimum<P>& minimum : minima_near(start, to_weights(rows, points_.size())))
      fits.push_back(describe(minimum));
    return fits;
  }

 private:
  static constexpr int P = Surface::kParams;

  /// Directly, and through deltas that shrink from a wide one.
  static void add_descents(std::size_t problem, std::span<const double> theta,
                           std::vector<Descent<P>>& descents) {
    for (const double first_delta : {0.0, kWideDelta}) {
      Descent<P>& descent = descents.emplace_back();
      descent.problem = problem;
      descent.first_delta = first_delta;
      std::copy(theta.begin(), theta.end(), descent.theta);
    }
  }

  /// The best minimum of each problem; descents of one problem stand side by side.
  std::vector<Minimum<P>> best_minima(const WeightView& weights,
                                      std::span<const Descent<P>> descents) const {
    const auto minima = minimize_batch<Surface>(problem_.view, weights, settings_.delta, descents);
    std::vector<Minimum<P>> best;
    for (std::size_t i = 0; i < minima.size(); ++i) {
      if (i == 0 || descents[i].problem != descents[i - 1].problem)
        best.push_back(minima[i]);
      else if (minima[i].objective < best.back().objective)
        best.back() = minima[i];
    }
    return best;
  }

  Minimum<P> global_minimum(std::span<const float> counts) const {
    const WeightView weights = to_weights(counts, points_.size());
    std::vector<Descent<P>> descents;
    for (const auto& start : starts_of<Surface>(problem_, weights, settings_.delta))
      add_descents(0, start, descents);
    return best_minima(weights, descents).front();
  }

  /// The minima of other weights, from that of some they resemble.
  std::vector<Minimum<P>> minima_near(std::span<const double> near,
                                      const WeightView& weights) const {
    std::vector<Descent<P>> descents;
    for (std::size_t i = 0; i < weights.extent(0); ++i) add_descents(i, near, descents);
    return best_minima(weights, descents);
  }

  static bool has_converged(const Minimum<P>& minimum) {
    return minimum.relative_gradient <= kConvergedGradient;
  }

  static double residual(const Minimum<P>& minimum, const Sample& sample) {
    double gradient[P];
    double hessian[P * (P + 1) / 2];
    return sample.log_loss - Surface::at(minimum.theta, sample, gradient, hessian);
  }

  SurfaceFit describe(const Minimum<P>& minimum) const {
    SurfaceFit fit;
    fit.form = settings_.form;
    fit.theta = Surface::uncentered(minimum.theta, problem_.center);
    fit.objective = minimum.objective;
    fit.relative_gradient = minimum.relative_gradient;
    fit.converged = has_converged(minimum);
    fit.at_bound = minimum.at_bound;
    for (const Sample& sample : problem_.samples)
      fit.residuals.push_back(residual(minimum, sample));
    return fit;
  }

  void add_resamples(const Minimum<P>& minimum, SurfaceFit& fit) const {
    if (settings_.n_bootstrap == 0) return;
    const auto counts =
        resample_counts(run_numbers(points_), settings_.n_bootstrap, settings_.seed);
    for (const Minimum<P>& resample :
         minima_near(minimum.theta, to_weights(counts, points_.size()))) {
      fit.resamples.push_back(Surface::uncentered(resample.theta, problem_.center));
      if (!has_converged(resample)) ++fit.n_unconverged_resamples;
      if (resample.at_bound) ++fit.n_resamples_at_bound;
      if (has_converged(resample) && !resample.at_bound)
        fit.inner_resamples.push_back(fit.resamples.back());
    }
  }

  std::span<const ScalingPoint> points_;
  FitSettings settings_;
  Problem problem_;
};

/// Calls `use` with the fitter of the settings' form.
template <typename Use>
auto with_fitter(std::span<const ScalingPoint> points, const FitSettings& settings,
                 const Use& use) {
  switch (settings.form) {
    case Form::kaplan:
      return use(SurfaceFitter<KaplanSurface>(points, settings));
    case Form::data_constrained:
      return use(SurfaceFitter<DataConstrainedSurface>(points, settings));
    case Form::chinchilla:
      break;
  }
  return use(SurfaceFitter<ChinchillaSurface>(points, settings));
}

}  // namespace

SurfaceFit fit_surface(std::span<const ScalingPoint> points, const FitSettings& settings) {
  return with_fitter(points, settings, [](const auto& fitter) { return fitter.fit(); });
}

std::vector<SurfaceFit> fit_surface_weighted(std::span<const ScalingPoint> points,
                                             const FitSettings& settings,
                                             std::span<const std::vector<float>> weights,
                                             const SurfaceFit* near) {
  return with_fitter(points, settings, [&](const auto& fitter) {
    std::vector<SurfaceFit> fits;
    std::vector<float> rows;
    for (const std::vector<float>& row : weights) {
      rows.insert(rows.end(), row.begin(), row.end());
      if (near == nullptr) fits.push_back(fitter.fit_global(row));
    }
    return near == nullptr ? fits : fitter.fit_near(near->theta, rows);
  });
}

}  // namespace isoflop::fit
