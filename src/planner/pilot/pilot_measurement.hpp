// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "core/run/run_reader.hpp"
#include "planner/plan_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// What the runs of one layout of a pilot measured.
struct PilotMeasurement {
  std::vector<std::filesystem::path> files;
  TrainConfig config;
  Layout layout;
  int64_t timed_steps = 0;
  double step_s = 0;                      ///< median after kPilotWarmUpSteps
  std::optional<double> communication_s;  ///< exposed, median of the same steps
  std::optional<double> optimizer_s;      ///< likewise
  /// Standard deviation of the logarithm of means over a fifth of the steps about the median:
  /// what a longer part of a run may differ by.
  double scatter = 0;
  std::optional<double> memory_gib;  ///< largest over steps and ranks
};

/// A run of the pilot that says nothing, and why.
struct UnusablePilotRun {
  std::string reason;  ///< "path: problem (why) what to do"
};

/// What the pilot of a plan folder left.
struct PilotRecord {
  std::vector<PilotMeasurement> measurements;  ///< in the order of pilot.yaml, pilot-2.yaml, ...;
                                               ///< of the same layout together
  std::vector<UnusablePilotRun> unusable;
  std::vector<std::string> notes;  ///< sentences about runs that were used though cut short
};

/// Reads the newest run file of each run of the pilot that pilot.yaml and its neighbours describe.
/// A run that was stopped or killed is used when it has kFewestTimedSteps steps to time. Throws
/// FileError when the folder has no pilot, when it has not run, and when no run is usable (the
/// first reason).
PilotRecord read_pilot(const PlanFiles& files);

/// Files of all starts of a run in a folder, the newest last; none where there is no folder.
std::vector<std::filesystem::path> run_files(const std::filesystem::path& folder,
                                             const std::string& name);

/// Whether the file was written under this configuration, apart from what the trainer finds out
/// when it starts; false also for one that this version cannot read.
bool is_run_of(const RunFile& file, const TrainConfig& config);

/// The steps of a layout's runs, of which the first has this configuration; absent when there are
/// too few.
std::optional<PilotMeasurement> measure_pilot(std::span<const RunFile> files,
                                              const TrainConfig& config);

}  // namespace isoflop
