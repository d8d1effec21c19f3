// SPDX-License-Identifier: MIT
#include "report/fit/series_statistics.hpp"
#include "report/run_keys.hpp"
#include "report/tables.hpp"

#include <algorithm>

namespace isoflop {
namespace {

using Members = std::vector<std::size_t>;

/// Mean and standard deviation over the runs of a group that have the figure.
void add_statistics(std::vector<Cell>& row, const std::vector<double>& values) {
  const auto statistics = fit::series_statistics(values);
  row.push_back(to_cell(statistics ? std::optional(statistics->mean) : std::nullopt));
  row.push_back(to_cell(statistics ? statistics->std : std::nullopt));
}

template <typename Figure>
std::vector<double> figures(std::span<const RunSummary> summaries, const Members& members,
                            Figure figure) {
  std::vector<double> values;
  for (const std::size_t run : members) {
    if (const std::optional<double> value = figure(summaries[run])) values.push_back(*value);
  }
  return values;
}

bool is_done(const RunSummary& run) { return run.state == "done"; }

std::vector<Cell> row_of(const Cell& value, std::span<const RunSummary> summaries,
                         const Members& members) {
  const auto n_partial = std::count_if(members.begin(), members.end(),
                                       [&](std::size_t run) { return !is_done(summaries[run]); });
  std::vector<Cell> row{cell_text(value), static_cast<int64_t>(members.size()),
                        static_cast<int64_t>(n_partial)};
  add_statistics(
      row, figures(summaries, members, [](const RunSummary& run) { return run.tokens_per_s; }));
  add_statistics(row, figures(summaries, members, [](const RunSummary& run) {
                   return run.mfu ? std::optional(*run.mfu * 100) : std::nullopt;
                 }));
  add_statistics(row, figures(summaries, members, [](const RunSummary& run) {
                   return is_done(run) ? run.train_loss : std::nullopt;
                 }));
  add_statistics(row, figures(summaries, members, [](const RunSummary& run) {
                   return is_done(run) ? run.validation_loss : std::nullopt;
                 }));
  return row;
}

}  // namespace

Table group_table(std::span<const TrainingRun> runs, std::span<const RunSummary> summaries,
                  const std::string& key) {
  Table table{"groups", "Runs by " + key};
  table.notes = {
      "mean and standard deviation (+-) over the runs of a group; losses of runs that "
      "are done, speeds of PARTIAL ones too"};
  table.columns = {{"value", key},
                   {"runs", "runs", "", CellStyle::integer},
                   {"partial_runs", "PARTIAL", "", CellStyle::integer},
                   {"tokens_per_s_mean", "tokens/s", "", CellStyle::count},
                   {"tokens_per_s_std", "+-", "", CellStyle::count},
                   {"mfu_mean_percent", "MFU", "%", CellStyle::fixed, 2},
                   {"mfu_std_percent", "+-", "%", CellStyle::fixed, 2},
                   {"train_loss_mean", "train loss", "", CellStyle::fixed, 4},
                   {"train_loss_std", "+-", "", CellStyle::fixed, 4},
                   {"validation_loss_mean", "val loss", "", CellStyle::fixed, 4},
                   {"validation_loss_std", "+-", "", CellStyle::fixed, 4}};
  const std::vector<Cell> values = values_of_key(runs, "--group", key);
  for (std::size_t first = 0; first < runs.size();) {
    Members members;
    for (std::size_t run = first; run < runs.size() && values[run] == values[first]; ++run)
      members.push_back(run);
    table.rows.push_back(row_of(values[first], summaries, members));
    first += members.size();
  }
  return table;
}

}  // namespace isoflop
