// SPDX-License-Identifier: MIT
#include "planner/fit/fit_report.hpp"

#include "core/base/table/render.hpp"
#include "planner/estimate/accuracy_report.hpp"
#include "planner/fit/fit_parameters.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace isoflop {
namespace {

Table published_constants_table(const PublishedCalibration& calibration) {
  Table table{"constants", "Constants fitted"};
  table.notes = {"prior: what is expected before any run is seen; before: in the file read"};
  table.columns = {{"constant", "constant"},
                   {"prior", "prior", "", CellStyle::text},
                   {"before", "before", "", CellStyle::text},
                   {"fitted", "fitted", "", CellStyle::text}};
  for (const FitParameter& parameter : fit_parameters(calibration.fitted, FitCentre::priors))
    table.rows.push_back({parameter.name, fmt::format("{:.4g}", parameter.centre),
                          fmt::format("{:.4g}", value_of(calibration.before, parameter)),
                          fmt::format("{:.4g}", value_of(calibration.fitted, parameter))});
  return table;
}

Cell error(double predicted_s, double measured_s) {
  return Cell(100 * (predicted_s / measured_s - 1));
}

Table runs_table(const RunFit& fit) {
  Table table{"runs", fmt::format("Runs on {}s", fit.section.name)};
  table.notes = {"predicted over measured, minus one; held out: by a fit without the run"};
  table.columns = {{"run", "run"},
                   {"measured_step_s", "measured", "s", CellStyle::fixed, 4},
                   {"before_s", "before", "s", CellStyle::fixed, 4},
                   {"after_s", "after", "s", CellStyle::fixed, 4},
                   {"before_percent", "before", "%", CellStyle::fixed, 1},
                   {"after_percent", "after", "%", CellStyle::fixed, 1},
                   {"held_out_percent", "held out", "%", CellStyle::fixed, 1}};
  for (const RunPredictions& run : fit.runs)
    table.rows.push_back({run.name, run.measured_s, run.before_s, run.after_s,
                          error(run.before_s, run.measured_s), error(run.after_s, run.measured_s),
                          run.held_out_s ? error(*run.held_out_s, run.measured_s) : Cell()});
  return table;
}

Table run_constants_table(const RunFit& fit) {
  Table table{"constants",
              fmt::format("Constants of {}s that the runs determine", fit.section.name)};
  table.columns = {{"constant", "constant"}, {"before", "before"}, {"after", "after"}};
  std::string kept;
  for (const ConstantFit& constant : fit.constants) {
    if (constant.determined)
      table.rows.push_back({constant.name, fmt::format("{:.4g}", constant.before),
                            fmt::format("{:.4g}", constant.after)});
    else
      kept += (kept.empty() ? "" : ", ") + constant.name;
  }
  if (!kept.empty()) table.notes = {"kept as they are, since the runs say too little: " + kept};
  return table;
}

double mean_absolute_error(const RunFit& fit, double RunPredictions::*predicted) {
  double sum = 0;
  for (const RunPredictions& run : fit.runs) sum += std::abs(run.*predicted / run.measured_s - 1);
  return sum / static_cast<double>(fit.runs.size());
}

void write_constant(JsonWriter& json, const ConstantFit& constant) {
  json.begin_object()
      .entry("constant", constant.name)
      .entry("before", constant.before)
      .entry("after", constant.after)
      .entry("determined", constant.determined)
      .end_object();
}

void write_run(JsonWriter& json, const RunPredictions& run) {
  json.begin_object()
      .entry("run", run.name)
      .entry("measured_step_s", run.measured_s)
      .entry("before_step_s", run.before_s)
      .entry("after_step_s", run.after_s);
  if (run.held_out_s) json.entry("held_out_step_s", *run.held_out_s);
  json.end_object();
}

void write_run_fit(JsonWriter& json, const RunFit& fit) {
  json.begin_object().entry("device_kind", fit.section.name).key("constants").begin_array();
  for (const ConstantFit& constant : fit.constants) write_constant(json, constant);
  json.end_array().key("runs").begin_array();
  for (const RunPredictions& run : fit.runs) write_run(json, run);
  json.end_array().end_object();
}

}  // namespace

std::string describe_published_fit(const PublishedCalibration& calibration) {
  std::vector<Table> tables{published_constants_table(calibration)};
  if (calibration.held_out.empty())
    tables.push_back(accuracy_table(calibration.accuracy,
                                    "Errors of the fit, on the rows that it was fitted to"));
  else
    tables.push_back(
        accuracy_table(calibration.held_out, "Errors on sources that the fit has not seen"));
  return fmt::format("Fitted to {} rows\n\n{}", calibration.measurements, render_text(tables));
}

std::string published_fit_as_json(const PublishedCalibration& calibration) {
  JsonWriter json;
  json.begin_object()
      .entry("rows", static_cast<int64_t>(calibration.measurements))
      .key("constants")
      .begin_array();
  for (const FitParameter& parameter : fit_parameters(calibration.fitted, FitCentre::priors))
    json.begin_object()
        .entry("constant", parameter.name)
        .entry("prior", parameter.centre)
        .entry("before", value_of(calibration.before, parameter))
        .entry("fitted", value_of(calibration.fitted, parameter))
        .end_object();
  json.end_array().key("fit");
  write_accuracy(json, calibration.accuracy);
  if (!calibration.held_out.empty()) {
    json.key("held_out");
    write_accuracy(json, calibration.held_out);
  }
  return json.end_object().text();
}

std::string describe_run_fits(std::span<const RunFit> fits) {
  std::string text;
  for (const RunFit& fit : fits) {
    const std::vector<Table> tables{run_constants_table(fit), runs_table(fit)};
    text += fmt::format("{}\nMean error of {} {} run(s): {:.1f} % before, {:.1f} % after\n",
                        render_text(tables), fit.runs.size(), fit.section.name,
                        100 * mean_absolute_error(fit, &RunPredictions::before_s),
                        100 * mean_absolute_error(fit, &RunPredictions::after_s));
  }
  return text;
}

std::string run_fits_as_json(std::span<const RunFit> fits, std::span<const std::string> skipped) {
  JsonWriter json;
  json.begin_object().key("fits").begin_array();
  for (const RunFit& fit : fits) write_run_fit(json, fit);
  json.end_array().key("skipped").begin_array();
  for (const std::string& reason : skipped) json.value(reason);
  return json.end_array().end_object().text();
}

}  // namespace isoflop
