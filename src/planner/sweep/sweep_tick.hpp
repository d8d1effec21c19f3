// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep_folder.hpp"
#include "planner/sweep/sweep_jobs.hpp"

#include <ctime>
#include <optional>
#include <string>

namespace isoflop {

/// When ticks may submit: DIR/schedule.yaml.
struct SweepSchedule {
  int every_minutes = 30;
  int from_hour = 0;  ///< local time; 20 to 7 goes over midnight, equal hours are the whole day
  int to_hour = 0;
  int keep_idle_nodes = 0;  ///< that must stay idle beside those of the largest job
  std::optional<double> weekly_device_hours;

  bool is_quiet(int hour) const;
};

/// Throws FileError where there is none, ConfigError for wrong values.
SweepSchedule read_schedule(const SweepFiles& files);
std::string schedule_yaml(const SweepSchedule& schedule);

/// "20-7". Throws ConfigError for anything but two hours from 0 to 24.
void set_quiet_hours(SweepSchedule& schedule, const std::string& text);

/// Throws ConfigError for intervals that a crontab cannot repeat evenly.
void check_interval(int every_minutes);

/// What one tick did.
struct Tick {
  bool ends = false;  ///< nothing is left to do for further ticks
  std::string why;    ///< a clause
  SweepSubmission submission;
};

/// Submits what is missing when it may; does nothing while another process submits from the folder.
/// Runs that would fail again are left. Throws as submit_sweep does.
Tick tick(const SweepFiles& files, std::time_t now);

}  // namespace isoflop
