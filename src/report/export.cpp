// SPDX-License-Identifier: MIT
#include "report/export.hpp"

#include "core/run/run_csv.hpp"
#include "core/run/run_document.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace isoflop {
namespace {

void check_one_run(const RunSet& set) {
  if (set.runs.size() < 2) return;
  std::string names;
  for (const TrainingRun& run : set.runs) names += (names.empty() ? "" : ", ") + run.name;
  throw ConfigError(
      fmt::format("the files are of '{}' ({} runs, an export is of one); export them "
                  "one by one",
                  names, set.runs.size()));
}

}  // namespace

ExitCode export_run(const RunSet& set, const ReportOptions& options) {
  check_one_run(set);
  const auto write_as =
      options.export_format == ExportFormat::json ? write_run_document : write_run_csv;
  for (const TrainingRun& run : set.runs) {
    if (options.out.empty())
      write_as(run, [](std::string_view piece) { fmt::print("{}", piece); });
    else
      save_pieces([&](const TextSink& sink) { write_as(run, sink); }, options.out);
  }
  return report_exit_code(set);
}

}  // namespace isoflop
