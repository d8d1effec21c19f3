// SPDX-License-Identifier: MIT
#include "planner/commands/submit_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "planner/plan_writer.hpp"
#include "planner/shell_quote.hpp"
#include "planner/sweep/sweep_lock.hpp"
#include "planner/sweep/sweep_status.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

std::string describe_submission(const Submission& submission, const PlanFiles& files) {
  const std::string folder = shell_quote(short_path(files.plan.parent_path()).string());
  std::string text = fmt::format("{:<12}job {}, running in {}\n", "Submitted", submission.job,
                                 submission.folder.string());
  const std::vector<std::string> bad = bad_nodes(files);
  if (!bad.empty()) text += fmt::format("{:<12}not on {}\n", "", fmt::join(bad, ", "));
  return text + fmt::format("{:<12}planner status {}\n", "Next", folder);
}

std::string submit_missing_runs(const SweepFiles& files) {
  const std::optional<SweepLock> lock = SweepLock::take(files);
  if (!lock)
    throw FileError(fmt::format("{}: another planner submits from here; try again when it is done",
                                files.folder.string()));
  return describe_sweep_submission(submit_sweep(files, {}), files);
}

int run_submit_command(int argc, const char* const* argv) {
  std::filesystem::path folder;
  CLI::App app(
      "Submits the training of a plan, from any folder: it runs in the current one; of a sweep "
      "the runs that are neither done nor wait or run.",
      "planner submit");
  app.add_option("DIR", folder, "Folder of the plan or sweep")->required();
  if (!parse_command_line(app, argc, argv, "see planner submit --help")) return 0;
  if (is_sweep_folder(folder)) {
    fmt::print("{}", submit_missing_runs(sweep_files_in(folder)));
    return 0;
  }
  const PlanFiles files = plan_files_in(folder);
  fmt::print("{}", describe_submission(submit_plan(files), files));
  return 0;
}

}  // namespace isoflop
