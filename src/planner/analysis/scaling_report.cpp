// SPDX-License-Identifier: MIT
#include "planner/analysis/scaling_report.hpp"

#include "core/base/format.hpp"
#include "core/base/table/render.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

std::string figure_note(const SourcedFigure& figure) {
  return figure.assumed ? fmt::format("assumed: {}", figure.source) : figure.source;
}

std::string describe_source(const ComputeSource& source) {
  std::string text = line(
      "GPU", fmt::format("{}{} ({})", source.n_gpus ? fmt::format("{} x ", *source.n_gpus) : "",
                         source.gpu.name, source.gpu_how));
  text += line("Peak", fmt::format("{:.5g} TFLOP/s {} dense", source.peak_tflops,
                                   to_string(source.precision)));
  text += line("MFU",
               fmt::format("{} ({})", format_percent(source.mfu.value), figure_note(source.mfu)));
  if (source.price_per_hour)
    text += line("Price", fmt::format("{:.4g} a GPU hour ({})", source.price_per_hour->value,
                                      figure_note(*source.price_per_hour)));
  return text;
}

std::string describe_cost(const ComputeCost& cost) {
  std::string text = fmt::format("{:.6g} GPU hours", cost.gpu_hours);
  if (cost.hours)
    text += fmt::format(", {:.4g} hours = {:.3g} days", *cost.hours, *cost.hours / 24);
  if (cost.dollars) text += fmt::format(", costs {:.5g}", *cost.dollars);
  return line("Takes", text);
}

std::string format_range(const Range& range) {
  return fmt::format("{} to {}", format_count(range.low), format_count(range.high));
}

std::string format_loss_range(const Range& range) {
  return fmt::format("{:.3f} to {:.3f}", range.low, range.high);
}

Cell range_cell(const std::optional<Range>& range, std::string (*format)(const Range&)) {
  return range ? Cell(format(*range)) : Cell();
}

Cell percent_cell(const std::optional<double>& fraction) {
  return fraction ? Cell(100 * *fraction) : Cell();
}

std::string counted_name(const LawAnswer& answer) {
  return answer.counted_params == CountedParams::non_embedding ? answer.name + " *" : answer.name;
}

bool any_without_embeddings(const std::vector<LawAnswer>& answers) {
  for (const LawAnswer& answer : answers) {
    if (answer.counted_params == CountedParams::non_embedding) return true;
  }
  return false;
}

std::vector<Column> run_columns() {
  return {{"law", "law"},
          {"n_params", "N", "", CellStyle::count},
          {"n_params_95", "N, 95 %"},
          {"n_tokens", "D", "tokens", CellStyle::count},
          {"tokens_per_param", "D/N", "", CellStyle::fixed, 1},
          {"compute_flops", "compute", "FLOPs"},
          {"loss", "loss", "", CellStyle::fixed, 3},
          {"loss_95", "loss, 95 %"},
          {"wasted", "wasted", "%", CellStyle::fixed, 1}};
}

std::vector<Cell> run_row(const LawAnswer& answer) {
  return {counted_name(answer),
          answer.run.n_params,
          range_cell(answer.params_95, format_range),
          answer.run.n_tokens,
          answer.run.n_tokens / answer.run.n_params,
          format_scientific(answer.run.compute_flops()),
          to_cell(answer.loss),
          range_cell(answer.loss_95, format_loss_range),
          percent_cell(answer.wasted_compute)};
}

Table run_table(const ScalingReport& report) {
  Table table{"laws", "Best run by law"};
  table.notes = {"loss: nats a token of each law's own text and tokenizer: compare within a row",
                 fmt::format("wasted: compute that {} would save at the same loss by its law",
                             report.reference)};
  if (any_without_embeddings(report.answers))
    table.notes.emplace_back(
        "*: N without embeddings, set against laws of all parameters as it is");
  table.columns = run_columns();
  for (const LawAnswer& answer : report.answers) table.rows.push_back(run_row(answer));
  return table;
}

double over_optimum(const LawAnswer& answer) { return answer.run.n_params / *answer.best_params; }

Table verdict_table(const ScalingReport& report) {
  Table table{"laws", "The run by law"};
  table.notes = {"best N: for the same compute; near-optimal: N of 0.7 to 1.4 times it",
                 "wasted: compute that the law's best run would save at the same loss"};
  if (any_without_embeddings(report.answers)) table.notes.emplace_back("*: N without embeddings");
  table.columns = {{"law", "law"},
                   {"n_params", "N", "", CellStyle::count},
                   {"n_tokens", "D", "tokens", CellStyle::count},
                   {"loss", "loss", "", CellStyle::fixed, 3},
                   {"loss_95", "loss, 95 %"},
                   {"best_params", "best N", "", CellStyle::count},
                   {"params_over_optimum", "N/best", "", CellStyle::fixed, 2},
                   {"wasted", "wasted", "%", CellStyle::fixed, 1},
                   {"verdict", "verdict"}};
  for (const LawAnswer& answer : report.answers)
    table.rows.push_back(
        {counted_name(answer), answer.run.n_params, answer.run.n_tokens, to_cell(answer.loss),
         range_cell(answer.loss_95, format_loss_range), *answer.best_params, over_optimum(answer),
         percent_cell(answer.wasted_compute), to_string(size_verdict(over_optimum(answer)))});
  return table;
}

std::string describe_hyper_parameters(const LawAnswer& answer) {
  if (!answer.batch_tokens || !answer.learning_rate) return "";
  return fmt::format("{}: {} tokens a step, peak learning rate {:.2e}\n", answer.name,
                     format_count(*answer.batch_tokens), *answer.learning_rate);
}

std::string describe_notes(const ScalingReport& report) {
  std::string text;
  for (const LawAnswer& answer : report.answers) {
    text += describe_hyper_parameters(answer);
    for (const std::string& warning : answer.warnings)
      text += fmt::format("warning: {}\n", warning);
  }
  return text.empty() ? text : "\n" + text;
}

std::string describe_run(const LawAnswer& answer) {
  return line("Run",
              fmt::format("N = {}, D = {} tokens ({:.1f} a parameter), 6 N D = {} FLOPs",
                          format_count(answer.run.n_params), format_count(answer.run.n_tokens),
                          answer.run.n_tokens / answer.run.n_params,
                          format_scientific(answer.run.compute_flops())));
}

void write_range(JsonWriter& json, std::string_view key, const std::optional<Range>& range) {
  if (!range) return;
  json.key(key).begin_array().value(range->low).value(range->high).end_array();
}

void write_known(JsonWriter& json, std::string_view key, const std::optional<double>& value) {
  if (value) json.entry(key, *value);
}

void write_answer(JsonWriter& json, const LawAnswer& answer) {
  json.begin_object().entry("law", answer.name).entry("title", answer.title);
  json.entry("n_counts", answer.counted_params == CountedParams::total ? "total" : "non_embedding");
  json.entry("n_params", answer.run.n_params);
  write_range(json, "n_params_95", answer.params_95);
  json.entry("n_tokens", answer.run.n_tokens);
  json.entry("tokens_per_param", answer.run.n_tokens / answer.run.n_params);
  json.entry("compute_flops", answer.run.compute_flops());
  write_known(json, "loss_nats_per_token", answer.loss);
  write_range(json, "loss_95_nats_per_token", answer.loss_95);
  write_known(json, "wasted_compute_fraction", answer.wasted_compute);
  if (answer.best_params) {
    json.entry("best_n_params", *answer.best_params);
    json.entry("params_over_optimum", over_optimum(answer));
    json.entry("verdict", to_string(size_verdict(over_optimum(answer))));
  }
  write_known(json, "batch_tokens", answer.batch_tokens);
  write_known(json, "learning_rate", answer.learning_rate);
  json.key("warnings").begin_array();
  for (const std::string& warning : answer.warnings) json.value(warning);
  json.end_array().end_object();
}

void write_figure(JsonWriter& json, std::string_view key, const SourcedFigure& figure) {
  json.key(key).begin_object().entry("value", figure.value).entry("assumed", figure.assumed);
  json.entry("source", figure.source).end_object();
}

void write_source(JsonWriter& json, const ComputeSource& source) {
  json.key("gpu").begin_object().entry("name", source.gpu.name).entry("found_by", source.gpu_how);
  if (source.n_gpus) json.entry("n_gpus", *source.n_gpus);
  json.entry("precision", to_string(source.precision));
  json.entry("peak_dense_tflops", source.peak_tflops);
  write_figure(json, "mfu", source.mfu);
  if (source.price_per_hour) write_figure(json, "price_per_gpu_hour", *source.price_per_hour);
  json.end_object();
}

void write_cost(JsonWriter& json, const ComputeCost& cost) {
  json.key("cost").begin_object().entry("compute_flops", cost.compute_flops);
  json.entry("gpu_hours", cost.gpu_hours);
  write_known(json, "hours", cost.hours);
  if (cost.hours) json.entry("days", *cost.hours / 24);
  write_known(json, "dollars", cost.dollars);
  json.end_object();
}

void write_constraints(JsonWriter& json, const RunConstraints& constraints) {
  json.key("given").begin_object();
  write_known(json, "compute_flops", constraints.compute_flops);
  write_known(json, "n_params", constraints.n_params);
  write_known(json, "n_tokens", constraints.n_tokens);
  write_known(json, "loss_nats_per_token", constraints.loss);
  json.end_object();
}

}  // namespace

std::string describe_scaling(const ScalingReport& report) {
  const LawAnswer& reference = report.answers.front();
  std::string text;
  if (report.source) text += describe_source(*report.source);
  text += describe_run(reference);
  if (report.cost) text += describe_cost(*report.cost);
  const Table table = reference.best_params ? verdict_table(report) : run_table(report);
  return text + "\n" + render_text(std::span(&table, 1)) + describe_notes(report);
}

std::string scaling_as_json(const ScalingReport& report) {
  JsonWriter json;
  json.begin_object();
  write_constraints(json, report.constraints);
  if (report.source) write_source(json, *report.source);
  if (report.cost) write_cost(json, *report.cost);
  json.entry("reference_law", report.reference).key("laws").begin_array();
  for (const LawAnswer& answer : report.answers) write_answer(json, answer);
  return json.end_array().end_object().text();
}

}  // namespace isoflop
