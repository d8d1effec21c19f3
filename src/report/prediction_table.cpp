// SPDX-License-Identifier: MIT
#include "report/tables.hpp"

namespace isoflop {
namespace {

struct Comparison {
  const char* quantity;
  const char* unit;
  std::optional<double> predicted;
  std::optional<double> measured;
};

std::optional<double> percent(const std::optional<double>& fraction) {
  return fraction ? std::optional(*fraction * 100.0) : std::nullopt;
}

std::vector<Comparison> comparisons(const TrainingRun& run, const RunSummary& summary) {
  const RunPrediction& plan = run.last().header.prediction;
  const bool done = run.is_done();
  return {
      {"step time", "s", plan.step_s, summary.step_s},
      {"throughput", "tokens/s", plan.tokens_per_s, summary.tokens_per_s},
      {"MFU", "%", percent(plan.mfu), percent(summary.mfu)},
      {"validation loss", "nats/token", plan.loss, done ? summary.validation_loss : std::nullopt},
      {"memory peak", "GiB", plan.mem_peak_gib, summary.mem_peak_gib},
      {"wall time", "s", plan.wall_s, done ? summary.wall_s : std::nullopt},
  };
}

std::vector<Cell> row_of(const std::string& run, const Comparison& line) {
  return {run,
          std::string(line.quantity),
          std::string(line.unit),
          *line.predicted,
          *line.measured,
          (*line.measured / *line.predicted - 1.0) * 100.0};
}

}  // namespace

Table prediction_table(std::span<const TrainingRun> runs, std::span<const RunSummary> summaries) {
  Table table{"predictions", "Predicted against measured"};
  table.notes = {
      "predicted: by the plan the run was started from; loss and wall time only of runs "
      "that are done",
      "difference: measured over predicted, minus one"};
  table.columns = {{"run", "run"},
                   {"quantity", "quantity"},
                   {"unit", "unit"},
                   {"predicted", "predicted", "", CellStyle::fixed, 4},
                   {"measured", "measured", "", CellStyle::fixed, 4},
                   {"difference_percent", "difference", "%", CellStyle::fixed, 1}};
  for (std::size_t r = 0; r < runs.size(); ++r) {
    for (const Comparison& line : comparisons(runs[r], summaries[r])) {
      if (line.predicted && line.measured && *line.predicted != 0)
        table.rows.push_back(row_of(marked_name(runs[r]), line));
    }
  }
  return table;
}

}  // namespace isoflop
