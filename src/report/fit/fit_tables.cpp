// SPDX-License-Identifier: MIT
#include "report/fit/fit_tables.hpp"

#include "core/base/format.hpp"
#include "core/scaling/optimum.hpp"
#include "report/fit/fitted_law.hpp"
#include "report/fit/resampling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

namespace isoflop::fit {
namespace {

using Quantity = std::function<double(std::span<const double> theta)>;

/// The interval and the standard deviation over the resamples; no cells' values without any.
std::vector<Cell> row_of(const std::string& name, const SurfaceFit& fit, const Quantity& quantity) {
  std::vector<Cell> row = {name, quantity(fit.theta), Cell(), Cell(), Cell()};
  if (fit.resamples.size() < 2) return row;
  std::vector<std::vector<double>> values;
  std::vector<double> flat;
  for (const auto& theta : fit.resamples) {
    flat.push_back(quantity(theta));
    values.push_back({flat.back()});
  }
  const Range interval = interval_95(flat);
  row[2] = interval.low;
  row[3] = interval.high;
  row[4] = std::sqrt(sample_covariance(values)[0][0]);
  return row;
}

std::string ranges_note(std::span<const ScalingPoint> points) {
  const auto text = [&](const char* name, double ScalingPoint::*size, auto format) {
    const auto [low, high] =
        std::minmax_element(points.begin(), points.end(),
                            [size](const auto& a, const auto& b) { return a.*size < b.*size; });
    return fmt::format("{} {} to {}", name, format((*low).*size), format((*high).*size));
  };
  std::set<std::string> runs;
  for (const ScalingPoint& point : points) runs.insert(point.run);
  return fmt::format("{} points of {} runs: {}, {}, {} FLOPs", points.size(), runs.size(),
                     text("N", &ScalingPoint::n_params, format_count),
                     text("D", &ScalingPoint::n_tokens, format_count),
                     text("C", &ScalingPoint::compute_flops, format_scientific));
}

std::string minimum_note(const SurfaceFit& fit, double delta) {
  const auto inside = std::count_if(fit.residuals.begin(), fit.residuals.end(),
                                    [delta](double r) { return std::abs(r) <= delta; });
  double squares = 0;
  for (const double r : fit.residuals) squares += r * r;
  return fmt::format(
      "objective {:.10e}: sum of Huber's loss of ln L - ln L_fit with delta {:g}; relative "
      "gradient "
      "{:.0e}; {} of {} residuals within delta, root mean square {:.4f}",
      fit.objective, delta, fit.relative_gradient, inside, fit.residuals.size(),
      std::sqrt(squares / static_cast<double>(fit.residuals.size())));
}

std::string intervals_note(const SurfaceFit& fit, const FitSettings& settings) {
  if (fit.resamples.size() < 2) return "no intervals: no bootstrap";
  return fmt::format(
      "intervals: 2.5 and 97.5 percentiles of {} resamples of whole runs (seed {}), {} of them at "
      "a "
      "bound, {} not converged; +-: their standard deviation",
      fit.resamples.size(), settings.seed, fit.n_resamples_at_bound, fit.n_unconverged_resamples);
}

}  // namespace

Table parameters_table(const SurfaceFit& fit, const ScalingData& data,
                       const FitSettings& settings) {
  Table table{"fit", "Scaling law " + form_equation(fit.form)};
  table.notes = data.notes;
  table.notes.push_back(ranges_note(data.points));
  table.notes.push_back(minimum_note(fit, settings.delta));
  table.notes.emplace_back(
      "outliers: none is removed; beyond delta a point weighs by the size of its residual, not its "
      "square");
  table.notes.push_back(intervals_note(fit, settings));
  table.notes.emplace_back("a, b: exponents of compute in the best N ~ C^a and D ~ C^b");
  table.columns = {{"quantity", "quantity"},
                   {"value", "value", "", CellStyle::fixed, 4},
                   {"low_95", "95 % from", "", CellStyle::fixed, 4},
                   {"high_95", "to", "", CellStyle::fixed, 4},
                   {"standard_error", "+-", "", CellStyle::fixed, 4}};
  for (const FormParameter& parameter : form_parameters(fit.form))
    table.rows.push_back(row_of(parameter.name, fit, [parameter](std::span<const double> theta) {
      return parameter.is_logarithm ? std::exp(theta[parameter.index]) : theta[parameter.index];
    }));
  const auto a = [form = fit.form](std::span<const double> theta) {
    return params_exponent(form, theta);
  };
  table.rows.push_back(row_of("a", fit, a));
  table.rows.push_back(
      row_of("b", fit, [a](std::span<const double> theta) { return 1 - a(theta); }));
  return table;
}

Table optima_table(const SurfaceFit& fit, const ScalingLaw& law,
                   std::span<const double> compute_flops) {
  Table table{"optima", "Best models for a compute C = 6 N D"};
  table.notes = {"N from, to: 95 % interval by the same resamples; loss: of the law"};
  table.columns = {{"compute_flops", "C", "FLOPs", CellStyle::scientific},
                   {"n_params", "N", "", CellStyle::count},
                   {"n_params_low_95", "N from", "", CellStyle::count},
                   {"n_params_high_95", "to", "", CellStyle::count},
                   {"n_tokens", "D", "", CellStyle::count},
                   {"tokens_per_param", "D/N", "", CellStyle::fixed, 1},
                   {"loss", "loss", "nats/token", CellStyle::fixed, 4}};
  const std::vector<ParamsInterval> intervals = optimal_params_95(fit, compute_flops);
  for (const double compute : compute_flops) {
    const Optimum best = optimum(law, compute);
    const auto interval = std::find_if(intervals.begin(), intervals.end(), [&](const auto& row) {
      return row.compute_flops == compute;
    });
    const bool has_interval = interval != intervals.end();
    table.rows.push_back({compute, best.n_params,
                          has_interval ? Cell(interval->interval.low) : Cell(),
                          has_interval ? Cell(interval->interval.high) : Cell(), best.n_tokens,
                          best.n_tokens / best.n_params, best.loss});
  }
  return table;
}

}  // namespace isoflop::fit
