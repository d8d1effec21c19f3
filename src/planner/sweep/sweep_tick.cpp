// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_tick.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/yaml_writer.hpp"
#include "planner/detect/text_fields.hpp"
#include "planner/sweep/sweep_ledger.hpp"
#include "planner/sweep/sweep_lock.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

int whole_number(const std::string& text, int least) {
  int value = least - 1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : least - 1;
}

/// Idle nodes of the partition; a clause where nobody knows.
struct IdleNodes {
  int count = 0;
  std::string problem;
};

IdleNodes idle_nodes(const std::string& partition) {
  const SlurmReply reply =
      ask_client({"sinfo", "--noheader", "-p", partition, "-t", "idle", "-o", "%D"});
  if (!reply.out) return {0, reply.problem};
  IdleNodes idle;
  for (const std::string& line : split(trimmed(*reply.out), '\n'))
    idle.count += std::max(0, whole_number(std::string(trimmed(line)), 0));
  return idle;
}

/// Why the cluster is not free enough; empty when it is.
std::string crowding(const SweepManifest& manifest, const SweepSchedule& schedule) {
  const IdleNodes idle = idle_nodes(manifest.slurm_partition);
  if (!idle.problem.empty()) return idle.problem;
  const int wanted = manifest.nodes_of_largest_job + schedule.keep_idle_nodes;
  if (idle.count >= wanted) return "";
  return fmt::format("{} nodes of {} are idle, {} are wanted", idle.count, manifest.slurm_partition,
                     wanted);
}

bool is_finished(const SweepState& state) {
  for (const SweepRunState& run : state.runs)
    if (!run.done && (run.job || !run.hopeless)) return false;
  return true;
}

Tick waits(const std::string& why) { return {false, why, {}}; }

}  // namespace

bool SweepSchedule::is_quiet(int hour) const {
  if (from_hour == to_hour) return true;
  if (from_hour < to_hour) return hour >= from_hour && hour < to_hour;
  return hour >= from_hour || hour < to_hour;
}

void set_quiet_hours(SweepSchedule& schedule, const std::string& text) {
  const std::size_t dash = text.find('-');
  const int from = whole_number(text.substr(0, dash), 0);
  const int to = dash == std::string::npos ? -1 : whole_number(text.substr(dash + 1), 0);
  if (from < 0 || from > 24 || to < 0 || to > 24)
    throw ConfigError(
        fmt::format("--quiet-hours is '{}' (must be two hours of local time, such as 20-7)", text));
  schedule.from_hour = from % 24;
  schedule.to_hour = to % 24;
}

void check_interval(int every_minutes) {
  const bool of_hour = every_minutes >= 5 && every_minutes <= 60 && 60 % every_minutes == 0;
  const bool of_day = every_minutes > 60 && every_minutes % 60 == 0 && 1440 % every_minutes == 0;
  if (!of_hour && !of_day)
    throw ConfigError(
        fmt::format("--every is {} minutes (must divide an hour, from 5 on, or be "
                    "hours that divide a day); use 30, 60 or 240",
                    every_minutes));
}

std::string schedule_yaml(const SweepSchedule& schedule) {
  YamlWriter yaml;
  yaml.comment("When ticks of this sweep may submit; planner tick reads it each time.");
  yaml.entry("every_minutes", schedule.every_minutes, "as tick.sbatch and sweep.scrontab have it")
      .entry("from_hour", schedule.from_hour, "local time; equal hours: the whole day")
      .entry("to_hour", schedule.to_hour)
      .entry("keep_idle_nodes", schedule.keep_idle_nodes, "beside those of the largest job");
  if (schedule.weekly_device_hours)
    yaml.entry("weekly_gpu_hours", *schedule.weekly_device_hours, "of seven days, by ledger.txt");
  return yaml.text();
}

SweepSchedule read_schedule(const SweepFiles& files) {
  if (!fs::exists(files.schedule))
    throw FileError(fmt::format("{}: is not there; planner schedule {} writes it",
                                files.schedule.string(), files.folder.string()));
  MapReader map(ConfigNode::load(files.schedule));
  SweepSchedule schedule;
  schedule.every_minutes = map.required<int>("every_minutes");
  schedule.from_hour = map.required<int>("from_hour");
  schedule.to_hour = map.required<int>("to_hour");
  schedule.keep_idle_nodes = static_cast<int>(map.required_at_least("keep_idle_nodes", 0));
  schedule.weekly_device_hours = map.find_positive("weekly_gpu_hours");
  map.finish();
  return schedule;
}

Tick tick(const SweepFiles& files, std::time_t now) {
  const SweepSchedule schedule = read_schedule(files);
  const std::optional<SweepLock> lock = SweepLock::take(files);
  if (!lock) return waits("another process submits from here");
  if (fs::exists(files.cancelled)) return {true, "the sweep is cancelled", {}};
  const SweepState state = read_sweep_state(files);
  if (is_finished(state)) return {true, "no run is left that another start would help", {}};
  std::tm local{};
  localtime_r(&now, &local);
  if (!schedule.is_quiet(local.tm_hour))
    return waits(fmt::format("hour {} is not among the quiet ones", local.tm_hour));
  if (const std::string why = crowding(state.manifest, schedule); !why.empty()) return waits(why);
  SubmitRules rules{.retry_hopeless = false};
  if (schedule.weekly_device_hours)
    rules.most_device_hours =
        *schedule.weekly_device_hours - hours_of_week(read_ledger(files), now);
  Tick result = waits("");
  result.submission = submit_sweep(files, rules);
  if (result.submission.runs.empty())
    result.why =
        fmt::format("nothing to submit: {} of {} runs are done, {} wait or run{}", state.n_done(),
                    state.runs.size(), state.n_queued(),
                    schedule.weekly_device_hours ? "; the week's GPU hours are limited" : "");
  return result;
}

}  // namespace isoflop
