// SPDX-License-Identifier: MIT
#include "report/tables.hpp"

namespace isoflop {
namespace {

/// Fractions are shown as percent in every format.
Cell percent_cell(const std::optional<double>& fraction) {
  return fraction ? Cell(*fraction * 100.0) : Cell();
}

std::vector<Cell> row_of(const RunSummary& run) {
  return {run.name,
          run.model,
          run.n_params,
          run.tokens,
          run.n_devices,
          run.device,
          run.layout,
          run.steps,
          to_cell(run.step_s),
          to_cell(run.tokens_per_s),
          percent_cell(run.mfu),
          percent_cell(run.mfu_std),
          to_cell(run.train_loss),
          to_cell(run.validation_loss),
          to_cell(run.wall_s),
          run.lost_steps,
          run.state};
}

}  // namespace

Table runs_table(std::span<const RunSummary> summaries) {
  Table table{"runs", "Runs"};
  table.notes = {
      "N: parameters; D: tokens trained so far; layout: strategy, shards x replicas, micro batch x "
      "accumulation",
      "step (median), tokens/s and MFU (mean, standard deviation over steps): without warm-up, the "
      "first 5 % but at least 2 steps of each start",
      "train loss: mean of the last 2 % but at least 10 steps; validation loss: last evaluation; "
      "both in nats per token",
      "wall: all starts, lost work included; lost: steps computed again after a restart"};
  table.columns = {{"run", "run"},
                   {"model", "model"},
                   {"n_params", "N", "", CellStyle::count},
                   {"tokens", "D", "", CellStyle::count},
                   {"devices", "GPUs", "", CellStyle::integer},
                   {"device", "device"},
                   {"layout", "layout"},
                   {"steps", "steps", "", CellStyle::integer},
                   {"step_s", "step", "s", CellStyle::fixed, 4},
                   {"tokens_per_s", "tokens/s", "", CellStyle::count},
                   {"mfu_mean_percent", "MFU", "%", CellStyle::fixed, 2},
                   {"mfu_std_percent", "+-", "%", CellStyle::fixed, 2},
                   {"train_loss", "train loss", "", CellStyle::fixed, 4},
                   {"validation_loss", "val loss", "", CellStyle::fixed, 4},
                   {"wall_s", "wall", "", CellStyle::duration},
                   {"lost_steps", "lost", "", CellStyle::integer},
                   {"state", "state"}};
  for (const RunSummary& summary : summaries) table.rows.push_back(row_of(summary));
  return table;
}

}  // namespace isoflop
