// SPDX-License-Identifier: MIT
#include "planner/commands/estimate_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/text_file.hpp"
#include "planner/estimate/accuracy.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

struct EstimateOptions {
  std::filesystem::path runs;
  std::optional<std::filesystem::path> out;
  std::optional<std::filesystem::path> calibration;
  bool json = false;
};

std::optional<EstimateOptions> parse(int argc, const char* const* argv) {
  EstimateOptions options;
  CLI::App app(
      "Predicts published runs of any program from shape, layout and GPU: a CSV file with the "
      "columns of data/published_runs.csv.",
      "planner estimate");
  app.add_option("RUNS", options.runs, "The table of runs")->required();
  app.add_option("--out", options.out, "CSV file: all columns, then the predictions");
  app.add_option("--calibration", options.calibration, "Constants [data/calibration.yaml]");
  app.add_flag("--json", options.json, "The errors as one JSON document");
  if (!parse_command_line(app, argc, argv, "see planner estimate --help")) return std::nullopt;
  return options;
}

std::string header(const CsvTable& table) {
  std::string line;
  for (const std::string& column : table.columns()) line += csv_field(column) + ",";
  return line +
         "predicted_step_s,predicted_tokens_per_s_per_gpu,predicted_peak_mem_gb,"
         "unsupported_reason\n";
}

std::string predictions_csv(const CsvTable& table, std::span<const EstimatedRow> rows) {
  std::string text = header(table);
  for (const EstimatedRow& row : rows) {
    for (const std::string& field : table.row(row.row)) text += csv_field(field) + ",";
    if (row.estimate)
      text +=
          fmt::format("{:.6g},{:.6g},{:.4g},", row.estimate->step.total(),
                      row.estimate->tokens_per_s_per_device, row.estimate->memory.total() / kGiB);
    else
      text += ",,," + csv_field(row.unsupported_reason);
    text += '\n';
  }
  return text;
}

std::string as_json(std::span<const SourceAccuracy> sources) {
  JsonWriter json;
  json.begin_object().key("sources").begin_array();
  for (const SourceAccuracy& source : sources) {
    json.begin_object()
        .entry("source", source.source)
        .entry("rows", static_cast<int64_t>(source.rows))
        .entry("predicted", static_cast<int64_t>(source.predicted))
        .entry("mean_error", source.mean_error)
        .entry("bias", source.bias)
        .entry("factored_error", source.factored_error);
    if (source.rank_correlation) json.entry("rank_correlation", *source.rank_correlation);
    if (source.regret) json.entry("regret", *source.regret);
    if (source.memory_rows > 0) json.entry("memory_error", source.memory_error);
    json.end_object();
  }
  return json.end_array().end_object().text();
}

/// "6.4"; a dash where there is nothing to compare with.
std::string percent(double fraction, std::size_t rows) {
  return rows == 0 ? "-" : fmt::format("{:.1f}", 100 * fraction);
}

std::string as_text(std::span<const SourceAccuracy> sources) {
  std::string text = fmt::format(
      "Mean errors of predictions in per cent; one factor: after division by that of three rows. "
      "Where four layouts\nor more of a model were measured: rank correlation, and regret of the "
      "best predicted.\n\n{:<58} {:>5} {:>9} {:>10} {:>7} {:>5} {:>7}\n",
      "Source", "rows", "step time", "one factor", "memory", "ranks", "regret");
  for (const SourceAccuracy& source : sources)
    text += fmt::format(
        "{:<58} {:>5} {:>9} {:>10} {:>7} {:>5} {:>7}\n", source.source.substr(0, 58), source.rows,
        percent(source.mean_error, source.rows), percent(source.factored_error, source.rows),
        percent(source.memory_error, source.memory_rows),
        source.rank_correlation ? fmt::format("{:.2f}", *source.rank_correlation) : "-",
        source.regret ? fmt::format("{:.1f}", 100 * *source.regret) : "-");
  return text;
}

void run(const EstimateOptions& options) {
  const CsvTable table = CsvTable::load(options.runs);
  const std::filesystem::path constants =
      options.calibration.value_or(data_dir() / "calibration.yaml");
  const std::vector<EstimatedRow> rows =
      estimate_rows(table, RunReader(), read_calibration(ConfigNode::load(constants), "gpu"));
  if (options.out) write_text_file(*options.out, predictions_csv(table, rows));
  const std::vector<SourceAccuracy> sources = accuracy_by_source(rows);
  fmt::print("{}", options.json ? as_json(sources) : as_text(sources));
}

}  // namespace

int run_estimate_command(int argc, const char* const* argv) {
  if (const std::optional<EstimateOptions> options = parse(argc, argv)) run(*options);
  return 0;
}

}  // namespace isoflop
