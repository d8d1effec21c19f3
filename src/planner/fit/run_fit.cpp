// SPDX-License-Identifier: MIT
#include "planner/fit/run_fit.hpp"

#include "planner/fit/fit_parameters.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace isoflop {
namespace {

/// What the same step measured again may differ by.
constexpr double kStepNoise = 0.03;
/// Waiting for other ranks is in it.
constexpr double kPartNoise = 0.25;
/// Parts of a step below this share say nothing.
constexpr double kLeastShare = 0.01;
/// A constant is determined when runs narrow its expected spread to this much of it.
constexpr double kDetermined = 0.5;

/// Of one part of the step; 0 where it was not measured or does not matter.
double part_residual(double predicted_s, const std::optional<double>& measured_s, double step_s) {
  const double least = kLeastShare * step_s;
  if (!measured_s || *measured_s < least || predicted_s < least) return 0;
  return std::log(predicted_s / *measured_s) / kPartNoise;
}

void add_run_residuals(std::vector<double>& residuals, const MeasuredRun& run,
                       const Calibration& calibration) {
  const StepTime step = predict_run(run, calibration);
  residuals.push_back(std::log(step.total() / run.step.total_s) / kStepNoise);
  residuals.push_back(
      part_residual(step.communication_s, run.step.communication_s, run.step.total_s));
  residuals.push_back(part_residual(step.optimizer_s, run.step.optimizer_s, run.step.total_s));
}

LeastSquaresFit fit(std::span<const MeasuredRun> runs, const CalibrationSection& section,
                    std::span<const FitParameter> parameters) {
  const auto residuals = [&](std::span<const double> x) {
    const Calibration calibration = values_at(section, parameters, x);
    std::vector<double> result;
    for (const MeasuredRun& run : runs) add_run_residuals(result, run, calibration);
    for (std::size_t i = 0; i < x.size(); ++i) result.push_back(x[i] / parameters[i].spread);
    return result;
  };
  return fit_least_squares(residuals, std::vector<double>(parameters.size()),
                           bounds_of(parameters));
}

/// Those that the runs narrow down when all may move.
std::vector<FitParameter> determined_by(std::span<const MeasuredRun> runs,
                                        const CalibrationSection& section) {
  const std::vector<FitParameter> all = fit_parameters(section, FitCentre::values);
  const LeastSquaresFit free = fit(runs, section, all);
  std::vector<FitParameter> determined;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (free.standard_deviation[i] <= kDetermined * all[i].spread) determined.push_back(all[i]);
  return determined;
}

std::string describe(std::span<const MeasuredRun> runs) {
  std::vector<std::string> names;
  for (const MeasuredRun& run : runs)
    names.push_back(std::filesystem::path(run.name).filename().string());
  return fmt::format("{} run(s) of isoflop: {}", runs.size(), fmt::join(names, ", "));
}

CalibrationSection fit_determined(std::span<const MeasuredRun> runs,
                                  const CalibrationSection& prior,
                                  std::span<const FitParameter> determined) {
  if (determined.empty()) return prior;
  return with_fit(prior, determined, fit(runs, prior, determined).x, describe(runs));
}

double held_out_s(std::span<const MeasuredRun> runs, std::size_t held_out,
                  const CalibrationSection& prior) {
  std::vector<MeasuredRun> others(runs.begin(), runs.end());
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(held_out));
  const CalibrationSection section = fit_determined(others, prior, determined_by(others, prior));
  return predict_run(runs[held_out], section.values()).total();
}

}  // namespace

RunFit fit_to_runs(std::span<const MeasuredRun> runs, const CalibrationSection& prior) {
  constexpr std::size_t kFewestToHoldOut = 3;
  RunFit result{.section = prior, .constants = {}, .runs = {}};
  if (runs.empty()) return result;
  const std::vector<FitParameter> determined = determined_by(runs, prior);
  result.section = fit_determined(runs, prior, determined);
  for (const FitParameter& parameter : fit_parameters(prior, FitCentre::values)) {
    const bool is_determined =
        std::any_of(determined.begin(), determined.end(),
                    [&](const FitParameter& other) { return other.name == parameter.name; });
    result.constants.push_back({parameter.name, value_of(prior, parameter),
                                value_of(result.section, parameter), is_determined});
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    RunPredictions row{.name = runs[i].name,
                       .measured_s = runs[i].step.total_s,
                       .before_s = predict_run(runs[i], prior.values()).total(),
                       .after_s = predict_run(runs[i], result.section.values()).total()};
    if (runs.size() >= kFewestToHoldOut) row.held_out_s = held_out_s(runs, i, prior);
    result.runs.push_back(std::move(row));
  }
  return result;
}

}  // namespace isoflop
