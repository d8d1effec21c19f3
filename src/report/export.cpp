// SPDX-License-Identifier: MIT
#include "report/export.hpp"

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
      fmt::format("the files are of '{}' ({} runs, a document is of one); export them "
                  "one by one",
                  names, set.runs.size()));
}

}  // namespace

ExitCode export_run(const RunSet& set, const ReportOptions& options) {
  check_one_run(set);
  for (const TrainingRun& run : set.runs) {
    if (options.out.empty())
      write_run_document(run, [](std::string_view piece) { fmt::print("{}", piece); });
    else
      save_run_document(run, options.out);
  }
  return report_exit_code(set);
}

}  // namespace isoflop
