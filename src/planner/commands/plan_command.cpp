// SPDX-License-Identifier: MIT
#include "planner/commands/plan_command.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/commands/submit_command.hpp"
#include "planner/options.hpp"
#include "planner/pilot/pilot_plan.hpp"
#include "planner/plan.hpp"
#include "planner/plan_folder.hpp"
#include "planner/plan_json.hpp"
#include "planner/plan_request.hpp"
#include "planner/plan_summary.hpp"
#include "planner/plan_writer.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

namespace {

namespace fs = std::filesystem;

std::string next_line(const char* label, const std::string& command, const std::string& what) {
  return fmt::format("{:<12}{}{}{}\n", label, command, what.empty() ? "" : "   # ", what);
}

/// What to start, in this order.
std::string describe_next(const Plan& plan, const PilotPlan& pilot, const PlanFiles& files) {
  if (!plan.not_runnable.empty())
    return fmt::format("{:<12}not runnable by this trainer yet: needs {}\n", "Next",
                       fmt::join(plan.not_runnable, ", "));
  const auto quoted = [](const fs::path& path) { return shell_quote(short_path(path).string()); };
  const std::string train = "sbatch " + quoted(files.script);
  if (pilot.runs.empty())
    return next_line("Next", train, "no pilot: 15 minutes hold too few steps to time");
  return next_line(
             "Next", "sbatch " + quoted(files.pilot_script),
             fmt::format("a pilot of {} (at most {}), {} layout{}{}",
                         format_duration(pilot.expected_s), format_duration(pilot.wall_s),
                         pilot.layouts, pilot.layouts == 1 ? "" : "s",
                         pilot.rounds > 1 ? fmt::format(" in turn, {} times", pilot.rounds) : "")) +
         next_line("", "planner refine " + quoted(files.plan.parent_path()),
                   "plans again by what the pilot measured") +
         next_line("", train, "");
}

int run(const Options& options) {
  const GpuCatalog catalog = GpuCatalog::load();
  const std::optional<std::string> detected = detected_cluster(options, catalog);
  const PlanRequest request = make_request(options, find_cluster(options, detected, catalog));
  const PlanFiles files =
      choose_plan_files(options.out.value_or(fs::path("plans") / request.name), options.overwrite);
  const Plan plan = make_plan(request);
  if (!options.json) fmt::print("{}\n", describe_partitions(request.cluster, options.precision));
  const PilotPlan pilot =
      plan.not_runnable.empty() ? plan_pilot(plan, request, files.pilot_runs) : PilotPlan{};
  if (detected) write_text_file(files.cluster, *detected);
  const fs::path cluster_file = detected ? files.cluster : options.cluster_file;
  std::vector<fs::path> written = write_plan(plan, pilot, request, cluster_file, files);
  for (const auto& more : {write_pilot(plan, pilot, request, cluster_file, files),
                           write_request_files(options, request, cluster_file, files)})
    written.insert(written.end(), more.begin(), more.end());
  if (options.submit && !plan.not_runnable.empty())
    throw ConfigError(fmt::format("--submit: this trainer cannot run the plan yet: needs {}",
                                  fmt::join(plan.not_runnable, ", ")));
  if (options.json) {
    fmt::print("{}", plan_json(plan, request, pilot));
    if (options.submit) submit_plan(files);
  } else if (options.submit) {
    fmt::print("{}\n{}", describe_plan(plan, request), list_written(written));
    fmt::print("{}", describe_submission(submit_plan(files), files));
  } else {
    fmt::print("{}\n{}{}", describe_plan(plan, request), list_written(written),
               describe_next(plan, pilot, files));
  }
  return 0;
}

}  // namespace

int run_plan_command(int argc, const char* const* argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  return options ? run(*options) : 0;
}

}  // namespace isoflop
