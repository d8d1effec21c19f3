// SPDX-License-Identifier: MIT
#include "planner/commands/tick_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/options.hpp"
#include "planner/plan_writer.hpp"
#include "planner/shell_quote.hpp"
#include "planner/sweep/sweep_scripts.hpp"
#include "planner/sweep/sweep_status.hpp"
#include "planner/sweep/sweep_tick.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// The copy of the cluster file that write_sweep leaves, whatever its syntax.
fs::path cluster_copy_of(const SweepFiles& files) {
  for (const char* const extension : {".yaml", ".yml", ".json", ".jsonc"}) {
    fs::path file = files.cluster;
    if (fs::exists(file.replace_extension(extension))) return file;
  }
  throw FileError(fmt::format("{}: is not there; make the sweep again", files.cluster.string()));
}

void write_schedule(const SweepFiles& files, const SweepSchedule& schedule) {
  const SweepManifest manifest = read_manifest(files);
  const fs::path cluster_file = cluster_copy_of(files);
  PlanRequest request;
  request.cluster = load_cluster(cluster_file, GpuCatalog::load());
  const Partition& partition = request.cluster.partition(manifest.partition);
  const ScriptContext context = script_context(cluster_file, request);
  const int every = schedule.every_minutes;
  const std::string script = write_tick_sbatch(partition, manifest.name, every, files, context);
  const std::string table = write_scrontab(partition, manifest.name, every, files, context);
  write_text_file(files.tick, script);
  write_text_file(files.scrontab, table);
  write_text_file(files.schedule, schedule_yaml(schedule));
  fmt::print("{}", list_written({files.schedule, files.scrontab, files.tick}));
  fmt::print("{:<12}sbatch {}   # or, where scrontab is enabled, the lines of {}\n", "Next",
             shell_quote(short_path(files.tick).string()), files.scrontab.filename().string());
}

}  // namespace

int run_schedule_command(int argc, const char* const* argv) {
  fs::path folder;
  std::string quiet_hours = "0-24";
  SweepSchedule schedule;
  CLI::App app("Writes the ticks of a sweep: a scrontab, and a job that submits itself again.",
               "planner schedule");
  app.add_option("DIR", folder, "Folder of the sweep")->required();
  app.add_option("--every", schedule.every_minutes, "Minutes between two ticks [30]");
  app.add_option("--quiet-hours", quiet_hours,
                 "Hours of local time in which ticks may submit, such as 20-7 [0-24]");
  app.add_option("--keep-idle", schedule.keep_idle_nodes,
                 "Nodes that must stay idle beside those of the largest job [0]");
  app.add_option("--weekly-gpu-hours", schedule.weekly_device_hours,
                 "GPU hours, as predicted, that may be submitted in seven days [no limit]");
  if (!parse_command_line(app, argc, argv, "see planner schedule --help")) return 0;
  set_quiet_hours(schedule, quiet_hours);
  check_interval(schedule.every_minutes);
  check_range("--weekly-gpu-hours", schedule.weekly_device_hours, 1e12);
  if (schedule.keep_idle_nodes < 0)
    throw ConfigError(
        fmt::format("--keep-idle is {} (must not be negative)", schedule.keep_idle_nodes));
  write_schedule(sweep_files_in(folder), schedule);
  return 0;
}

int run_tick_command(int argc, const char* const* argv) {
  fs::path folder;
  CLI::App app("Submits what is missing of a sweep if its schedule allows it now.", "planner tick");
  app.add_option("DIR", folder, "Folder of the sweep")->required();
  if (!parse_command_line(app, argc, argv, "see planner tick --help")) return 0;
  const SweepFiles files = sweep_files_in(folder);
  const Tick result = tick(files, std::time(nullptr));
  if (!result.why.empty())
    fmt::print("{:<12}{}: {}\n", "Tick", result.ends ? "ends" : "waits", result.why);
  else
    fmt::print("{}", describe_sweep_submission(result.submission, files));
  return 0;
}

}  // namespace isoflop
