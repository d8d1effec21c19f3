// SPDX-License-Identifier: MIT
#include "planner/commands/refine_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/options.hpp"
#include "planner/pilot/main_run.hpp"
#include "planner/pilot/pilot_measurement.hpp"
#include "planner/pilot/refinement.hpp"
#include "planner/pilot/refinement_report.hpp"
#include "planner/plan_folder.hpp"
#include "planner/plan_request.hpp"
#include "planner/plan_writer.hpp"
#include "planner/shell_quote.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

struct RefineOptions {
  fs::path folder;
  bool keep_model = false;
  bool force = false;
  bool json = false;
};

std::optional<RefineOptions> parse(int argc, const char* const* argv) {
  RefineOptions options;
  CLI::App app(
      "Plans again by what the pilot of a plan measured: N, D, layout and the jobs of the folder.",
      "planner refine");
  app.add_option("DIR", options.folder, "Folder of the plan, whose pilot has run")->required();
  app.add_flag("--keep-model", options.keep_model, "Keep N; change D, steps and layout alone");
  app.add_flag("--force", options.force, "Also when the training has begun");
  app.add_flag("--json", options.json, "What changed, as one JSON document");
  if (!parse_command_line(app, argc, argv, "see planner refine --help")) return std::nullopt;
  return options;
}

/// What was asked when the folder was planned.
Options options_of(const PlanFiles& files) {
  if (!fs::exists(files.request))
    throw FileError(
        fmt::format("{}: has no request.yaml (no plan, or one of an older version); "
                    "make one with planner plan --out",
                    files.plan.parent_path().string()));
  const std::string request = files.request.string();
  const std::array<const char*, 3> arguments = {"planner plan", "--request", request.c_str()};
  return parse_options(arguments.size(), arguments.data()).value();
}

std::vector<std::string> notes_of(const PilotRecord& record, const Plan& before,
                                  const Plan& after) {
  std::vector<std::string> notes = record.notes;
  for (const UnusablePilotRun& run : record.unusable) notes.push_back("left out: " + run.reason);
  if (after.choice.shape != before.choice.shape)
    notes.push_back(fmt::format(
        "the best model changes: N {} -> {}; --keep-model trains the pilot's with other D",
        format_count(before.choice.n_params), format_count(after.choice.n_params)));
  if (before.choice.partition->name != after.choice.partition->name || !before.others.empty())
    notes.push_back(fmt::format("planned on partition '{}' alone, where the pilot ran",
                                after.choice.partition->name));
  return notes;
}

/// All constants, with those that the pilot determined.
std::string calibration_text(const PlanRequest& request, const SiteCalibration& site) {
  CalibrationFile file =
      request.constants.value_or(CalibrationFile::load(default_calibration_file()));
  file.replace(site.constants);
  return file.text();
}

void run(const RefineOptions& options) {
  const PlanFiles files = plan_files_in(options.folder);
  const Options asked = options_of(files);
  PlanRequest request = make_request(asked, load_cluster(asked.cluster_file, GpuCatalog::load()));
  const PilotRecord record = read_pilot(files);
  request.text.path = record.measurements.front().config.data.path;
  if (!options.force) refuse_after_start(files, request);
  const Plan before = make_plan(request);
  const std::vector<PilotComparison> comparisons = compare_pilot(record, before, request);
  const SiteCalibration site = calibrate_site(comparisons, before, request);
  const PlanRequest refined =
      refined_request(request, before, site, options.keep_model ? Keep::model : Keep::nothing);
  const Plan after = make_plan(refined);
  std::vector<fs::path> written = write_plan(after, {}, refined, asked.cluster_file, files);
  write_text_file(files.calibration, calibration_text(request, site));
  written.push_back(files.calibration);
  const RefinementReport report{before, after, comparisons, site, notes_of(record, before, after)};
  if (options.json) {
    fmt::print("{}", refinement_json(report));
    return;
  }
  fmt::print("{}\n{}{:<12}sbatch {}\n", describe_refinement(report), list_written(written), "Next",
             shell_quote(short_path(files.script).string()));
}

}  // namespace

int run_refine_command(int argc, const char* const* argv) {
  if (const std::optional<RefineOptions> options = parse(argc, argv)) run(*options);
  return 0;
}

}  // namespace isoflop
