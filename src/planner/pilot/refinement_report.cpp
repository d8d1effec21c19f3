// SPDX-License-Identifier: MIT
#include "planner/pilot/refinement_report.hpp"

#include "core/base/format.hpp"
#include "core/base/table/render.hpp"
#include "core/model/model_shape.hpp"
#include "planner/budget.hpp"

#include <fmt/format.h>

#include <array>

namespace isoflop {
namespace {

double difference_percent(double measured, double predicted) {
  return 100 * (measured / predicted - 1);
}

Table pilot_table(const RefinementReport& report) {
  Table table{.key = "pilot", .title = "Pilot"};
  table.notes = {
      "step: median of the timed steps; +-: standard deviation of its fifths; memory: "
      "largest over steps and ranks",
      "difference: measured over predicted, minus one"};
  table.columns = {{"layout", "layout"},
                   {"timed_steps", "steps", "", CellStyle::integer},
                   {"predicted_step_s", "predicted", "s", CellStyle::fixed, 4},
                   {"measured_step_s", "measured", "s", CellStyle::fixed, 4},
                   {"step_difference_percent", "difference", "%", CellStyle::fixed, 1},
                   {"scatter_percent", "+-", "%", CellStyle::fixed, 1},
                   {"predicted_memory_gib", "memory", "GiB", CellStyle::fixed, 3},
                   {"measured_memory_gib", "measured", "GiB", CellStyle::fixed, 3},
                   {"memory_difference_percent", "difference", "%", CellStyle::fixed, 1}};
  for (const PilotComparison& comparison : report.comparisons) {
    const PilotMeasurement& measured = comparison.measured;
    const double predicted_s = comparison.predicted.total();
    const auto memory = measured.memory_gib;
    table.rows.push_back(
        {to_string(measured.layout), measured.timed_steps, predicted_s, measured.step_s,
         difference_percent(measured.step_s, predicted_s), 100 * measured.scatter,
         comparison.predicted_memory, to_cell(memory),
         memory ? Cell(difference_percent(*memory, comparison.predicted_memory)) : Cell()});
  }
  return table;
}

std::string loss_text(const Plan& plan) {
  const auto* const loss = std::get_if<LossPrediction>(&plan.choice.loss);
  return loss == nullptr ? "-" : fmt::format("{:.3f}", loss->loss);
}

std::string range_text(double value, const Range& range, std::string (*format)(double)) {
  return fmt::format("{} ({} to {})", format(value), format(range.low), format(range.high));
}

std::string percent_text(double fraction) { return format_percent(fraction); }

/// One row: a quantity and its text of a plan.
struct Quantity {
  const char* name;
  std::string (*text)(const Plan&);
};

constexpr std::array kQuantities = {
    Quantity{"step time",
             [](const Plan& plan) {
               return range_text(plan.choice.layout.step_time.total(), plan.intervals.step_s,
                                 format_duration);
             }},
    Quantity{"MFU (causal)",
             [](const Plan& plan) {
               return range_text(plan.mfu_causal, plan.intervals.mfu_causal, percent_text);
             }},
    Quantity{"N", [](const Plan& plan) { return format_count(plan.choice.n_params); }},
    Quantity{"model", [](const Plan& plan) { return short_name(plan.choice.shape); }},
    Quantity{"D", [](const Plan& plan) { return format_count(plan.choice.n_tokens()); }},
    Quantity{"steps", [](const Plan& plan) { return format_grouped(plan.choice.steps); }},
    Quantity{"loss", loss_text},
    Quantity{"layout", [](const Plan& plan) { return to_string(plan.choice.layout.layout); }},
    Quantity{"devices", [](const Plan& plan) { return std::to_string(plan.choice.job.devices()); }},
    Quantity{"kept back",
             [](const Plan& plan) { return format_percent(plan.choice.budget.rules.margin); }},
};

Table change_table(const RefinementReport& report) {
  Table table{.key = "plan", .title = "Plan"};
  table.notes = {"before: uncalibrated; after: calibrated by " + report.after.intervals.basis +
                 "; in parentheses 95 % intervals"};
  table.columns = {{"quantity", ""}, {"before", "before"}, {"after", "after"}};
  for (const Quantity& quantity : kQuantities)
    table.rows.push_back(
        {std::string(quantity.name), quantity.text(report.before), quantity.text(report.after)});
  return table;
}

void write_side(JsonWriter& json, const char* key, const Plan& plan) {
  json.key(key).begin_object();
  json.entry("step_s", plan.choice.layout.step_time.total())
      .entry("step_s_lower", plan.intervals.step_s.low)
      .entry("step_s_upper", plan.intervals.step_s.high)
      .entry("mfu_causal", plan.mfu_causal)
      .entry("n_params", plan.choice.n_params)
      .entry("n_tokens", plan.choice.tokens.read)
      .entry("steps", plan.choice.steps)
      .entry("model", short_name(plan.choice.shape))
      .entry("layout", to_string(plan.choice.layout.layout))
      .entry("devices", plan.choice.job.devices());
  if (const auto* const loss = std::get_if<LossPrediction>(&plan.choice.loss))
    json.entry("loss", loss->loss);
  json.end_object();
}

void write_constants(JsonWriter& json, const RefinementReport& report) {
  json.key("fitted").begin_object();
  for (const CalibrationConstant& constant : report.site.constants.constants) {
    if (!constant.fitted_on.starts_with("data/") && !constant.fitted_on.empty())
      json.entry(constant.key, constant.value.otherwise);
  }
  json.end_object().key("factors").begin_object();
  json.entry("compute", report.site.speed.compute)
      .entry("communication", report.site.speed.communication);
  json.key("layouts").begin_object();
  for (const LayoutFactor& row : report.site.speed.layouts) json.entry(row.layout, row.factor);
  json.end_object().end_object();
}

}  // namespace

std::string describe_refinement(const RefinementReport& report) {
  const std::array tables = {pilot_table(report), change_table(report)};
  std::string text = render_text(tables);
  for (std::size_t i = 0; i < report.notes.size(); ++i)
    text += fmt::format("{}  * {}\n", i == 0 ? "\nNotes\n" : "", report.notes[i]);
  return text;
}

std::string refinement_json(const RefinementReport& report) {
  JsonWriter json;
  json.begin_object().key("pilot").begin_array();
  for (const PilotComparison& comparison : report.comparisons) {
    const PilotMeasurement& measured = comparison.measured;
    json.begin_object().key("files").begin_array();
    for (const std::filesystem::path& file : measured.files) json.value(file.string());
    json.end_array()
        .entry("layout", to_string(measured.layout))
        .entry("timed_steps", measured.timed_steps)
        .entry("predicted_step_s", comparison.predicted.total())
        .entry("measured_step_s", measured.step_s)
        .entry("scatter", measured.scatter)
        .entry("predicted_memory_gib", comparison.predicted_memory);
    if (measured.memory_gib) json.entry("measured_memory_gib", *measured.memory_gib);
    if (measured.communication_s) json.entry("measured_communication_s", *measured.communication_s);
    json.end_object();
  }
  json.end_array();
  write_constants(json, report);
  write_side(json, "before", report.before);
  write_side(json, "after", report.after);
  json.key("notes").begin_array();
  for (const std::string& note : report.notes) json.value(note);
  return json.end_array().end_object().text();
}

}  // namespace isoflop
