// SPDX-License-Identifier: MIT
#include "planner/plan_tables.hpp"

#include "core/base/format.hpp"
#include "core/model/model_shape.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {

namespace {

/// What designs are compared by, one row each.
std::vector<Column> comparison_columns(Column first) {
  return {std::move(first),
          {.key = "devices", .title = "GPUs", .style = CellStyle::integer},
          {.key = "wall_s", .title = "time", .style = CellStyle::duration},
          {.key = "n_params", .title = "N", .style = CellStyle::count},
          {.key = "n_tokens", .title = "D", .style = CellStyle::count},
          {.key = "loss", .title = "loss", .style = CellStyle::fixed, .decimals = 3},
          {.key = "device_hours", .title = "GPU hours", .style = CellStyle::fixed},
          {.key = "cost", .title = "cost", .style = CellStyle::fixed},
          {.key = "energy_kwh", .title = "kWh", .style = CellStyle::fixed}};
}

std::vector<Cell> comparison_row(const std::string& first, const Candidate& candidate) {
  return {first,
          int64_t{candidate.job.devices()},
          candidate.budget.wall_s,
          candidate.n_params,
          candidate.n_tokens(),
          to_cell(candidate.surface_loss),
          candidate.device_hours(),
          to_cell(candidate.cost()),
          to_cell(candidate.energy_kwh())};
}

/// Removes columns that nobody knows anything about.
void drop_empty_columns(Table& table) {
  for (std::size_t c = table.columns.size(); c-- > 0;) {
    const bool empty = std::all_of(table.rows.begin(), table.rows.end(), [c](const auto& row) {
      return std::holds_alternative<std::monostate>(row[c]);
    });
    if (!empty) continue;
    const auto at = static_cast<std::ptrdiff_t>(c);
    table.columns.erase(table.columns.begin() + at);
    for (auto& row : table.rows) row.erase(row.begin() + at);
  }
}

/// "smallest model (a100)" where that is not the choice's partition.
std::string design_name(const Design& design, const Plan& plan) {
  if (design.candidate.partition == plan.choice.partition) return design.what;
  return fmt::format("{} ({})", design.what, design.candidate.partition->name);
}

}  // namespace

Table time_table(const Candidate& choice) {
  const TimeSplit& split = choice.budget.split;
  const double spare_s = split.train_s - choice.steps_s() - choice.eval.seconds;
  Table table{.key = "time", .title = "Where the time goes"};
  table.columns = {
      {.key = "part", .title = ""},
      {.key = "seconds", .title = "time", .style = CellStyle::duration},
      {.key = "percent", .title = "share", .unit = "%", .style = CellStyle::fixed, .decimals = 1}};
  const auto add = [&](const std::string& part, double seconds) {
    if (seconds <= 0) return;
    table.rows.push_back({part, seconds, 100 * seconds / split.elapsed_s});
  };
  add(fmt::format("{} training steps", format_grouped(choice.steps)), choice.steps_s());
  add(fmt::format("{} evaluations", choice.eval.evaluations), choice.eval.seconds);
  add(fmt::format("start-up of {} job{}", split.jobs, split.jobs == 1 ? "" : "s"), split.startup_s);
  add("writing checkpoints", split.checkpoint_s);
  add(fmt::format("{:.1f} interruptions: lost work, restarts", split.expected_failures),
      split.failure_s);
  add("waiting between jobs", split.requeue_s);
  add("kept back, steps may be slower", split.margin_s + std::max(0.0, spare_s));
  add("all", split.elapsed_s);
  return table;
}

Table design_table(const Plan& plan) {
  Table table{.key = "designs",
              .title = fmt::format("As good within {:g} % of the loss", 100 * kNearBest)};
  table.columns = comparison_columns({.key = "design", .title = ""});
  table.rows.push_back(comparison_row("this plan", plan.choice));
  for (const Design& design : plan.designs)
    table.rows.push_back(comparison_row(design_name(design, plan), design.candidate));
  drop_empty_columns(table);
  return table;
}

Table partition_table(const Plan& plan) {
  Table table{.key = "partitions", .title = "Partitions"};
  table.columns = comparison_columns({.key = "partition", .title = ""});
  const auto add = [&table](const Candidate& candidate) {
    table.rows.push_back(comparison_row(
        fmt::format("{} ({})", candidate.partition->name, candidate.partition->device.name),
        candidate));
  };
  add(plan.choice);
  for (const Candidate& other : plan.others) add(other);
  drop_empty_columns(table);
  return table;
}

Table front_table(const std::vector<FrontPoint>& front) {
  Table table{.key = "front", .title = "Pareto fronts of loss"};
  table.columns = comparison_columns({.key = "partition", .title = "partition"});
  for (const char* const key :
       {"least_device_hours", "least_cost", "least_energy", "device", "model", "layout"})
    table.columns.push_back({.key = key, .title = key});
  table.columns.push_back(
      {.key = "global_batch_size", .title = "batch", .style = CellStyle::integer});
  table.columns.push_back({.key = "chance_of_no_interruption",
                           .title = "survival",
                           .style = CellStyle::fixed,
                           .decimals = 2});
  const auto yes = [](bool value) { return Cell(std::string(value ? "yes" : "no")); };
  for (const FrontPoint& point : front) {
    const Candidate& design = point.candidate;
    std::vector<Cell> row = comparison_row(design.partition->name, design);
    row.insert(row.end(), {yes(point.least_hours), yes(point.least_money), yes(point.least_energy),
                           design.partition->device.name, short_name(design.shape),
                           design.layout.text(), design.layout.layout.global_batch_size()});
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace isoflop
