// SPDX-License-Identifier: MIT
#include "planner/commands/submit_command.hpp"

#include "core/base/command_line.hpp"
#include "planner/plan_writer.hpp"
#include "planner/shell_quote.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
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

int run_submit_command(int argc, const char* const* argv) {
  std::filesystem::path folder;
  CLI::App app("Submits the training of a plan, from any folder: it runs in the current one.",
               "planner submit");
  app.add_option("DIR", folder, "Folder of the plan")->required();
  if (!parse_command_line(app, argc, argv, "see planner submit --help")) return 0;
  const PlanFiles files = plan_files_in(folder);
  fmt::print("{}", describe_submission(submit_plan(files), files));
  return 0;
}

}  // namespace isoflop
