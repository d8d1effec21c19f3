// SPDX-License-Identifier: MIT
#include "planner/fit/published_fit.hpp"

#include "planner/fit/fit_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace isoflop {
namespace {

/// Relative error that one source as a whole is trusted to: the same layout measured twice differs
/// by 5 to 11 %.
constexpr double kNoise = 0.07;
/// Relative error from which a row counts as an outlier.
constexpr double kOutlier = 0.2;
/// Sources of fewer rows weigh less.
constexpr double kFewRows = 8;
/// A constant whose expected spread the runs do not narrow by this much is not fitted.
constexpr double kUndetermined = 0.98;

/// Measurements with the machines they share, so that each is made once for a set of constants.
class Sample {
 public:
  explicit Sample(std::vector<const PublishedMeasurement*> measurements)
      : measurements_(std::move(measurements)) {
    std::map<std::string, std::size_t> known;
    std::map<std::string, double> rows;
    for (const PublishedMeasurement* const measurement : measurements_) {
      const auto [entry, is_new] = known.try_emplace(machine_key(measurement->run), known.size());
      if (is_new) examples_.push_back(&measurement->run);
      machine_of_.push_back(entry->second);
      ++rows[measurement->run.source];
    }
    for (const PublishedMeasurement* const measurement : measurements_)
      weight_.push_back(1 / std::sqrt(std::max(rows.at(measurement->run.source), kFewRows)));
  }

  void add_residuals(std::vector<double>& residuals, const Calibration& calibration) const {
    std::vector<Machine> machines;
    for (const PublishedRun* const example : examples_)
      machines.push_back(machine_of(*example, calibration));
    for (std::size_t i = 0; i < measurements_.size(); ++i) {
      const double error = std::log(predicted_s(*measurements_[i], machines[machine_of_[i]]) /
                                    measurements_[i]->measured_s);
      residuals.push_back(weight_[i] * kOutlier / kNoise * soft_l1_residual(error / kOutlier));
    }
  }

 private:
  static std::string machine_key(const PublishedRun& run) {
    return fmt::format("{} {} {} {} {} {} {} {}", run.device.name, run.device.tdp_w.value_or(0),
                       to_string(run.precision), run.n_device, run.devices_per_node, run.stack.name,
                       run.stack.fuses_elementwise, run.stack.overlaps_tensor_parallel);
  }

  static double predicted_s(const PublishedMeasurement& measurement, const Machine& machine) {
    const PublishedRun& run = measurement.run;
    double best = step_cost(run.shape, measurement.layouts.front(), run.seq_len, machine).total();
    for (std::size_t i = 1; i < measurement.layouts.size(); ++i)
      best = std::min(best,
                      step_cost(run.shape, measurement.layouts[i], run.seq_len, machine).total());
    return best;
  }

  std::vector<const PublishedMeasurement*> measurements_;
  std::vector<const PublishedRun*> examples_;
  std::vector<std::size_t> machine_of_;
  std::vector<double> weight_;
};

LeastSquaresFit fit(const Sample& sample, const CalibrationSection& section,
                    std::span<const FitParameter> parameters) {
  const auto residuals = [&](std::span<const double> x) {
    std::vector<double> result;
    sample.add_residuals(result, values_at(section, parameters, x));
    for (std::size_t i = 0; i < x.size(); ++i) result.push_back(x[i] / parameters[i].spread);
    return result;
  };
  return fit_least_squares(residuals, std::vector<double>(parameters.size()),
                           bounds_of(parameters));
}

CalibrationSection fit_section(const Sample& sample, const CalibrationSection& section,
                               const std::string& fitted_on) {
  const std::vector<FitParameter> parameters = fit_parameters(section, FitCentre::priors);
  const LeastSquaresFit found = fit(sample, section, parameters);
  std::vector<FitParameter> determined;
  std::vector<double> x;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (found.standard_deviation[i] > kUndetermined * parameters[i].spread) continue;
    determined.push_back(parameters[i]);
    x.push_back(found.x[i]);
  }
  return with_fit(at_priors(section), determined, x, fitted_on);
}

bool is_in(const std::vector<std::string>& group, const std::string& source) {
  return std::find(group.begin(), group.end(), source) != group.end();
}

/// Sources joined by a program that both used.
class Programs {
 public:
  void add(const std::string& source, const std::string& program) {
    std::vector<std::string>* const of_source = group_with(source);
    const auto found = first_source_.find(program);
    std::vector<std::string>* const of_program =
        found == first_source_.end() ? nullptr : group_with(found->second);
    first_source_.try_emplace(program, source);
    if (of_source == nullptr && of_program == nullptr) groups_.push_back({source});
    if (of_source == nullptr && of_program != nullptr) of_program->push_back(source);
    if (of_source != nullptr && of_program != nullptr && of_source != of_program)
      join(*of_source, *of_program);
  }
  std::vector<std::vector<std::string>> groups() const {
    std::vector<std::vector<std::string>> result;
    for (const std::vector<std::string>& group : groups_)
      if (!group.empty()) result.push_back(group);
    return result;
  }

 private:
  std::vector<std::string>* group_with(const std::string& source) {
    for (std::vector<std::string>& group : groups_)
      if (is_in(group, source)) return &group;
    return nullptr;
  }
  static void join(std::vector<std::string>& into, std::vector<std::string>& from) {
    into.insert(into.end(), from.begin(), from.end());
    from.clear();
  }

  std::vector<std::vector<std::string>> groups_;
  std::map<std::string, std::string> first_source_;  ///< of each program
};

}  // namespace

std::vector<PublishedMeasurement> published_measurements(const CsvTable& table,
                                                         const RunReader& reader,
                                                         const Calibration& calibration) {
  std::vector<PublishedMeasurement> measurements;
  for (std::size_t row = 0; row < table.n_row(); ++row) {
    if (!states_full_layout(table, row)) continue;
    const std::variant<PublishedRun, Unsupported> read = reader.read(table, row);
    const auto* const run = std::get_if<PublishedRun>(&read);
    if (run == nullptr) continue;
    const std::optional<double> seconds = measured_step_s(table, row, *run);
    if (!seconds) continue;
    measurements.push_back({row, *run, possible_layouts(*run, calibration), *seconds});
  }
  return measurements;
}

CalibrationSection fit_to_published(std::span<const PublishedMeasurement> measurements,
                                    const CalibrationSection& section,
                                    const std::string& fitted_on) {
  std::vector<const PublishedMeasurement*> all;
  for (const PublishedMeasurement& measurement : measurements) all.push_back(&measurement);
  return fit_section(Sample(std::move(all)), section, fitted_on);
}

std::vector<std::vector<std::string>> held_out_groups(
    std::span<const PublishedMeasurement> measurements, HoldOut hold_out) {
  Programs programs;
  for (const PublishedMeasurement& measurement : measurements) {
    const PublishedRun& run = measurement.run;
    programs.add(run.source, hold_out == HoldOut::source ? run.source : run.stack.name);
  }
  return programs.groups();
}

std::vector<EstimatedRow> estimate_held_out(const CsvTable& table, const RunReader& reader,
                                            const CalibrationSection& section,
                                            std::span<const std::vector<std::string>> groups) {
  const Calibration present = section.values();
  const std::vector<PublishedMeasurement> measurements =
      published_measurements(table, reader, present);
  std::vector<EstimatedRow> rows = estimate_rows(table, reader, present);
  for (const std::vector<std::string>& group : groups) {
    std::vector<const PublishedMeasurement*> seen;
    for (const PublishedMeasurement& measurement : measurements)
      if (!is_in(group, measurement.run.source)) seen.push_back(&measurement);
    const Calibration without = fit_section(Sample(std::move(seen)), section, "others").values();
    for (const PublishedMeasurement& measurement : measurements)
      if (is_in(group, measurement.run.source))
        rows[measurement.row].estimate = estimate_run(measurement.run, without);
  }
  return rows;
}

}  // namespace isoflop
