// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep.hpp"
#include "planner/sweep/sweep_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// What was asked for, as options without dashes and values in the order given, and the checksum of
/// the cluster file: two equal ones make the same sweep.
using SweepSettings = std::vector<std::pair<std::string, std::string>>;

/// A run as sweep.json has it.
struct ManifestRun {
  std::string name;
  std::filesystem::path plan;
  std::size_t array = 0;
  std::size_t member = 0;  ///< of the array
  int64_t steps = 0;
  double device_hours = 0;  ///< predicted
};

struct ManifestArray {
  std::filesystem::path script;
  int max_running = 0;
};

/// sweep.json, as far as jobs are submitted by it.
struct SweepManifest {
  std::string name;
  SweepSettings settings;
  std::filesystem::path data;  ///< that all runs read
  std::string partition;       ///< of the cluster file
  std::string slurm_partition;
  bool one_array_at_a_time = false;
  int nodes_of_largest_job = 0;
  std::vector<ManifestArray> arrays;
  std::vector<ManifestRun> runs;
};

/// The text of sweep.json.
std::string sweep_json(const SweepRequest& request, const Sweep& sweep,
                       const SweepSettings& settings, const SweepFiles& files);

/// Throws FileError where the folder has none, ConfigError for a file that is none of ours.
SweepManifest read_manifest(const SweepFiles& files);

}  // namespace isoflop
