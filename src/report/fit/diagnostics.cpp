// SPDX-License-Identifier: MIT
#include "report/fit/diagnostics.hpp"

#include "core/base/format.hpp"
#include "report/fit/reliability.hpp"
#include "report/fit/resampling.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace isoflop::fit {
namespace {

constexpr std::size_t kMostInfluential = 5;
constexpr double kHeldOutShare = 0.2;

double percent(double log_error) { return 100 * std::expm1(log_error); }

/// Standard deviation of a over the resamples; absent without any.
std::optional<double> exponent_error(const SurfaceFit& fit) {
  if (fit.resamples.size() < 2) return std::nullopt;
  std::vector<std::vector<double>> exponents;
  for (const auto& theta : fit.resamples) exponents.push_back({params_exponent(fit.form, theta)});
  return std::sqrt(sample_covariance(exponents)[0][0]);
}

double root_mean_square(std::span<const LeftOutRun> runs) {
  double squares = 0;
  for (const LeftOutRun& run : runs) squares += run.log_error * run.log_error;
  return std::sqrt(squares / static_cast<double>(runs.size()));
}

/// Points from this one on are held out: the largest budgets, whole.
std::size_t first_held_out(std::span<const ScalingPoint> by_compute) {
  auto first =
      static_cast<std::size_t>((1 - kHeldOutShare) * static_cast<double>(by_compute.size()));
  while (first > 0 &&
         same_budget(by_compute[first - 1].compute_flops, by_compute[first].compute_flops))
    --first;
  return first;
}

std::vector<ForetoldBudget> by_budget(std::span<const ScalingPoint> points,
                                      std::span<const double> residuals, std::size_t first) {
  std::vector<ForetoldBudget> budgets;
  for (std::size_t i = first; i < points.size(); ++i) {
    if (i == first || !same_budget(points[i - 1].compute_flops, points[i].compute_flops))
      budgets.emplace_back();
    ForetoldBudget& budget = budgets.back();
    budget.compute_flops = points[i].compute_flops;
    ++budget.n_point;
    budget.mean_log_error += residuals[i];
    budget.rms_log_error += residuals[i] * residuals[i];
  }
  for (ForetoldBudget& budget : budgets) {
    const auto n = static_cast<double>(budget.n_point);
    budget.mean_log_error /= n;
    budget.rms_log_error = std::sqrt(budget.rms_log_error / n);
  }
  return budgets;
}

}  // namespace

std::vector<LeftOutRun> leave_one_out(std::span<const ScalingPoint> points, const SurfaceFit& fit,
                                      const FitSettings& settings) {
  const std::vector<std::size_t> numbers = run_numbers(points);
  const std::size_t n_run = *std::max_element(numbers.begin(), numbers.end()) + 1;
  std::vector<std::vector<float>> weights(n_run, std::vector<float>(points.size(), 1.0F));
  for (std::size_t i = 0; i < points.size(); ++i) weights[numbers[i]][i] = 0;
  const auto fits = fit_surface_weighted(points, settings, weights, &fit);
  std::vector<LeftOutRun> left_out(n_run);
  for (std::size_t r = 0; r < n_run; ++r) {
    left_out[r].theta = fits[r].theta;
    double n = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (numbers[i] != r) continue;
      left_out[r].run = points[i].run;
      left_out[r].log_error += fits[r].residuals[i];
      ++n;
    }
    left_out[r].log_error /= n;
  }
  return left_out;
}

Table influence_table(std::span<const LeftOutRun> runs, const SurfaceFit& fit) {
  Table table{"influence", "Runs with the most influence"};
  table.notes = {
      fmt::format(
          "each run left out in turn: its loss is foretold with a root mean square error of "
          "{:.2f} %",
          100 * root_mean_square(runs)),
      "the runs without which a changes most; +- of a: its bootstrap's standard deviation; error: "
      "measured over foretold loss, minus one"};
  table.columns = {{"run", "without run"},
                   {"a", "a", "", CellStyle::fixed, 4},
                   {"a_change", "change of a", "", CellStyle::fixed, 4},
                   {"a_change_over_error", "in +- of a", "", CellStyle::fixed, 2},
                   {"error_percent", "error", "%", CellStyle::fixed, 2}};
  const double a = params_exponent(fit.form, fit.theta);
  const auto change = [a, &fit](const LeftOutRun& run) {
    return params_exponent(fit.form, run.theta) - a;
  };
  std::vector<LeftOutRun> sorted(runs.begin(), runs.end());
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& x, const auto& y) {
    return std::abs(change(x)) > std::abs(change(y));
  });
  const std::optional<double> error = exponent_error(fit);
  for (const LeftOutRun& run : std::span(sorted).first(std::min(kMostInfluential, sorted.size())))
    table.rows.push_back({run.run, params_exponent(fit.form, run.theta), change(run),
                          error ? Cell(change(run) / *error) : Cell(), percent(run.log_error)});
  return table;
}

std::variant<Extrapolation, std::string> extrapolation_check(std::span<const ScalingPoint> points,
                                                             const FitSettings& settings) {
  const std::vector<ScalingPoint> sorted = by_compute(points);
  const std::size_t first = first_held_out(sorted);
  const auto fitted = std::span(sorted).first(first);
  if (fitted.empty()) return std::string("all points are of one budget");
  const std::vector<std::string> problems = problems_of_data(fitted);
  if (!problems.empty())
    return fmt::format("without the largest budgets there are {}", fmt::join(problems, ", "));
  std::vector<float> weights(sorted.size(), 1.0F);
  std::fill(weights.begin() + static_cast<std::ptrdiff_t>(first), weights.end(), 0.0F);
  const SurfaceFit fit = fit_surface_weighted(sorted, settings, std::span(&weights, 1)).front();
  return Extrapolation{fitted.back().compute_flops, first, by_budget(sorted, fit.residuals, first)};
}

Table extrapolation_table(const std::variant<Extrapolation, std::string>& check) {
  Table table{"extrapolation", "Largest budgets foretold by the smaller ones"};
  table.columns = {{"compute_flops", "C up to", "FLOPs", CellStyle::scientific},
                   {"points", "points", "", CellStyle::integer},
                   {"mean_error_percent", "mean error", "%", CellStyle::fixed, 2},
                   {"rms_error_percent", "root mean square", "%", CellStyle::fixed, 2}};
  if (const auto* const reason = std::get_if<std::string>(&check)) {
    table.notes = {"not checked: " + *reason};
    return table;
  }
  const auto& extrapolation = std::get<Extrapolation>(check);
  table.notes = {
      fmt::format("fitted to the {} points up to {} FLOPs; error: measured over foretold "
                  "loss, minus one",
                  extrapolation.n_fitted, format_scientific(extrapolation.fitted_to))};
  for (const ForetoldBudget& budget : extrapolation.budgets)
    table.rows.push_back({budget.compute_flops, static_cast<int64_t>(budget.n_point),
                          percent(budget.mean_log_error), 100 * budget.rms_log_error});
  return table;
}

}  // namespace isoflop::fit
