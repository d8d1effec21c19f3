// SPDX-License-Identifier: MIT
#include "core/base/log.hpp"
#include "core/base/main_guard.hpp"
#include "report/export.hpp"
#include "report/fit/fit_command.hpp"
#include "report/follow.hpp"
#include "report/options.hpp"
#include "report/repair.hpp"
#include "report/report.hpp"

#include <Kokkos_Core.hpp>
#include <fmt/format.h>

#include <utility>

namespace {

std::vector<std::filesystem::path> run_files(const isoflop::ReportOptions& options) {
  std::vector<std::filesystem::path> files = options.files;
  if (options.action == isoflop::ReportAction::fit)
    std::erase_if(files, isoflop::fit::is_scaling_table);
  return files;
}

void name_problems(const isoflop::RunSet& set) {
  using namespace isoflop;
  for (const std::string& skipped : set.skipped) log::warn("skipped {}", skipped);
  for (const std::string& warning : set.warnings) log::warn("{}", warning);
  if (set.runs.empty() && !set.skipped.empty())
    log::warn("none of the files is a run that can be read");
}

int run(int argc, const char* const* argv) {
  using namespace isoflop;
  const std::optional<ReportOptions> options = parse_options(argc, argv);
  if (!options) return static_cast<int>(ExitCode::kSuccess);
  if (options->action == ReportAction::repair) {
    fmt::print("{}\n", repair_run(options->files.front(), options->out));
    return static_cast<int>(ExitCode::kSuccess);
  }
  if (options->action == ReportAction::follow)
    return static_cast<int>(follow_run(options->files.front(), options->follow));
  const RunReading reading =
      options->action == ReportAction::export_run ? RunReading::whole : RunReading::for_tables;
  RunSet set = load_runs(run_files(*options), reading);  // before Kokkos starts threads: it forks
  name_problems(set);
  if (options->action == ReportAction::export_run)
    return static_cast<int>(export_run(set, *options));
  const Kokkos::ScopeGuard kokkos;
  if (options->action == ReportAction::fit) return static_cast<int>(fit::run_fit(set, *options));
  const ExitCode exit_code = report_exit_code(set);
  if (!options->plots.empty()) {
    const std::size_t n_plot = draw_plots(std::move(set), *options);
    fmt::print("drew {} plots, each as .svg and .png, into {}\n", n_plot, options->plots.string());
  } else if (options->html.empty()) {
    fmt::print("{}", make_report(std::move(set), *options));
  } else {
    write_html_report(std::move(set), *options);
    fmt::print("wrote {}\n", options->html.string());
  }
  return static_cast<int>(exit_code);
}

}  // namespace

int main(int argc, char** argv) {
  return isoflop::run_main("report", [&] { return run(argc, argv); });
}
