// SPDX-License-Identifier: MIT
#include "core/hardware/mfu_band.hpp"
#include "report/tables.hpp"

namespace isoflop {
namespace {

/// Fractions are shown as percent in every format.
Cell percent_cell(const std::optional<double>& fraction) {
  return fraction ? Cell(*fraction * 100.0) : Cell();
}

std::optional<double> quotient(const std::optional<double>& value,
                               const std::optional<double>& by) {
  return value && by && *by > 0 ? std::optional(*value / *by) : std::nullopt;
}

std::optional<double> product(const std::optional<double>& value,
                              const std::optional<double>& factor) {
  return value && factor ? std::optional(*value * *factor) : std::nullopt;
}

std::vector<Cell> row_of(const RunSummary& run) {
  return {run.name,
          run.state,
          run.model,
          run.n_params,
          run.tokens,
          to_cell(quotient(static_cast<double>(run.tokens), static_cast<double>(run.n_params))),
          run.n_devices,
          run.device,
          run.layout,
          run.precision,
          run.steps,
          to_cell(run.step_s),
          to_cell(run.step_p95_s),
          to_cell(run.tokens_per_s),
          to_cell(quotient(run.tokens_per_s, static_cast<double>(run.n_devices))),
          percent_cell(run.mfu),
          percent_cell(run.mfu_std),
          run.mfu ? Cell(std::string(mfu_band(*run.mfu).name)) : Cell(),
          percent_cell(product(run.mfu, run.full_square_ratio)),
          percent_cell(product(run.mfu_std, run.full_square_ratio)),
          to_cell(run.tflops),
          percent_cell(run.hfu),
          to_cell(run.mem_peak_gib),
          percent_cell(run.exposed_comm),
          to_cell(run.train_loss),
          to_cell(run.validation_loss),
          to_cell(run.wall_s),
          percent_cell(run.productive),
          run.restarts,
          run.lost_steps};
}

std::vector<std::string> notes() {
  return {
      "N: parameters; D: tokens trained so far; layout: strategy, shards x replicas, micro batch x "
      "accumulation",
      "step (median; 95 % of the steps took no longer than p95), tokens/s, MFU (mean, standard "
      "deviation over steps), TFLOP/s a GPU,",
      "HFU and exposed communication (share of step time): without warm-up, the first 5 % but at "
      "least 2 steps of each start",
      "MFU: as recorded, attention halved for causality; square: attention not halved, as most "
      "published tables; HFU: recomputation counted",
      "band, of MFU: excellent above 45 %, good from 35 %, acceptable from 25 %, poor below",
      "train loss: mean of the last 2 % but at least 10 steps; validation loss: last evaluation; "
      "both in nats per token",
      "wall: all starts, lost work included, waiting between them not; productive: time of steps "
      "that count, over wall; lost: steps computed again after a restart"};
}

std::vector<Column> columns() {
  return {{"run", "run"},
          {"state", "state"},
          {"model", "model"},
          {"n_params", "N", "", CellStyle::count},
          {"tokens", "D", "", CellStyle::count},
          {"tokens_per_param", "D/N", "", CellStyle::fixed, 2},
          {"devices", "GPUs", "", CellStyle::integer},
          {"device", "device"},
          {"layout", "layout"},
          {"precision", "precision"},
          {"steps", "steps", "", CellStyle::integer},
          {"step_s", "step", "s", CellStyle::fixed, 4},
          {"step_p95_s", "p95", "s", CellStyle::fixed, 4},
          {"tokens_per_s", "tokens/s", "", CellStyle::count},
          {"tokens_per_s_per_device", "tokens/s/GPU", "", CellStyle::count},
          {"mfu_mean_percent", "MFU", "%", CellStyle::fixed, 2},
          {"mfu_std_percent", "+-", "%", CellStyle::fixed, 2},
          {"mfu_band", "band"},
          {"mfu_full_square_mean_percent", "square", "%", CellStyle::fixed, 2},
          {"mfu_full_square_std_percent", "+-", "%", CellStyle::fixed, 2},
          {"tflops_per_device", "TFLOP/s", "", CellStyle::fixed, 3},
          {"hfu_percent", "HFU", "%", CellStyle::fixed, 2},
          {"mem_peak_gib", "memory", "GiB", CellStyle::fixed, 3},
          {"exposed_comm_percent", "exposed comm", "%", CellStyle::fixed, 2},
          {"train_loss", "train loss", "", CellStyle::fixed, 4},
          {"validation_loss", "val loss", "", CellStyle::fixed, 4},
          {"wall_s", "wall", "", CellStyle::duration},
          {"productive_percent", "productive", "%", CellStyle::fixed, 1},
          {"restarts", "restarts", "", CellStyle::integer},
          {"lost_steps", "lost", "", CellStyle::integer}};
}

}  // namespace

Table runs_table(std::span<const RunSummary> summaries) {
  Table table{"runs", "Runs"};
  table.notes = notes();
  table.columns = columns();
  table.n_key_column = 2;
  for (const RunSummary& summary : summaries) table.rows.push_back(row_of(summary));
  return table;
}

}  // namespace isoflop
