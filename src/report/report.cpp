// SPDX-License-Identifier: MIT
#include "report/report.hpp"

#include "core/base/table/render.hpp"
#include "core/base/text_file.hpp"
#include "report/compare.hpp"
#include "report/html_page.hpp"
#include "report/run_plots.hpp"
#include "report/run_summary.hpp"
#include "report/tables.hpp"

#include <algorithm>
#include <utility>

namespace isoflop {
namespace {

std::vector<Table> all_tables(const RunSet& set, const ReportOptions& options) {
  std::vector<RunSummary> summaries;
  Table health = health_table();
  for (const TrainingRun& run : set.runs) {  // one after the other: each reads its steps once
    summaries.push_back(summarize(run));
    add_health(run, summaries.back(), health);
  }
  std::vector<Table> tables{runs_table(summaries),
                            loss_table(set.runs, LossBudget::tokens),
                            loss_table(set.runs, LossBudget::flops),
                            loss_table(set.runs, LossBudget::wall),
                            best_runs_table(set.runs),
                            prediction_table(set.runs, summaries),
                            std::move(health)};
  const std::string& group = options.selection.group;
  if (!group.empty()) tables.insert(tables.begin() + 1, group_table(set.runs, summaries, group));
  return tables;
}

/// All tables that have something to say but that of health, or the one that was asked for.
std::vector<Table> chosen_tables(const RunSet& set, const ReportOptions& options) {
  std::vector<Table> tables = all_tables(set, options);
  std::erase_if(tables, [&](const Table& table) {
    if (!options.table.empty()) return table.key != options.table;
    return table.rows.empty() || table.key == "health";
  });
  return tables;
}

std::vector<std::string> problems_of(const RunSet& set) {
  std::vector<std::string> problems = set.skipped;
  problems.insert(problems.end(), set.warnings.begin(), set.warnings.end());
  return problems;
}

}  // namespace

std::string render(std::span<const Table> tables, ReportFormat format,
                   std::span<const std::string> problems) {
  switch (format) {
    case ReportFormat::text:
      return render_text(tables);
    case ReportFormat::markdown:
      return render_markdown(tables);
    case ReportFormat::csv:
      return render_csv(tables);
    case ReportFormat::json:
      return render_json(tables, problems);
  }
  return {};
}

std::string make_report(RunSet set, const ReportOptions& options) {
  select_runs(set.runs, options.selection);
  if (options.action == ReportAction::compare)
    return render(compare_tables(set.runs, options.compare), options.format, problems_of(set));
  return render(chosen_tables(set, options), options.format, problems_of(set));
}

void write_html_report(RunSet set, const ReportOptions& options) {
  select_runs(set.runs, options.selection);
  std::vector<Table> tables = all_tables(set, options);
  const Table predictions = *std::find_if(
      tables.begin(), tables.end(), [](const Table& table) { return table.key == "predictions"; });
  std::erase_if(tables, [](const Table& table) { return table.rows.empty(); });
  write_text_file(options.html, html_page(set, tables, predictions));
}

std::size_t draw_plots(RunSet set, const ReportOptions& options) {
  select_runs(set.runs, options.selection);
  std::vector<RunSummary> summaries;
  for (const TrainingRun& run : set.runs) summaries.push_back(summarize(run));
  const std::vector<RunPlot> plots = run_plots(set.runs, prediction_table(set.runs, summaries));
  write_plots(plots, options.plots);
  return plots.size();
}

ExitCode report_exit_code(const RunSet& set) {
  return set.skipped.empty() ? ExitCode::kSuccess : ExitCode::kSkippedInput;
}

}  // namespace isoflop
