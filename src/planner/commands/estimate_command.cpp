// SPDX-License-Identifier: MIT
#include "planner/commands/estimate_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/table/render.hpp"
#include "core/base/text_file.hpp"
#include "planner/calibration.hpp"
#include "planner/calibration_option.hpp"
#include "planner/estimate/accuracy_report.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {
namespace {

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
  add_calibration_option(app, options.calibration);
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
  json.begin_object().key("sources");
  write_accuracy(json, sources);
  return json.end_object().text();
}

std::string as_text(std::span<const SourceAccuracy> sources) {
  if (sources.empty()) return "No row states its layout and what was measured.\n";
  const Table table = accuracy_table(sources, "Predictions against what was measured");
  return render_text(std::span(&table, 1));
}

/// How many rows are predicted, and where the predictions are.
std::string describe_rows(std::span<const EstimatedRow> rows, const EstimateOptions& options) {
  const auto predicted = std::count_if(
      rows.begin(), rows.end(), [](const EstimatedRow& row) { return row.estimate.has_value(); });
  std::string text = fmt::format("{} of {} rows predicted", predicted, rows.size());
  if (options.out)
    text +=
        fmt::format("; written to {} with the reasons of the others\n\n", options.out->string());
  else
    text += "; --out FILE writes each with its prediction, or the reason\n\n";
  return text;
}

void run(const EstimateOptions& options) {
  const CsvTable table = CsvTable::load(options.runs);
  const std::vector<EstimatedRow> rows =
      estimate_rows(table, RunReader(), load_calibration(DeviceClass::gpu, options.calibration));
  if (options.out) write_text_file(*options.out, predictions_csv(table, rows));
  if (!options.json) fmt::print("{}", describe_rows(rows, options));
  const std::vector<SourceAccuracy> sources = accuracy_by_source(rows);
  fmt::print("{}", options.json ? as_json(sources) : as_text(sources));
}

}  // namespace

int run_estimate_command(int argc, const char* const* argv) {
  if (const std::optional<EstimateOptions> options = parse(argc, argv)) run(*options);
  return 0;
}

}  // namespace isoflop
