// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep_precision.hpp"
#include "planner/sweep/sweep_pricing.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// One training of a sweep, as the trainer runs it.
struct SweepRun {
  SweepPoint point;
  int seed = 0;  ///< from 0
  Plan plan;     ///< config: name, seed and settings of this run

  const std::string& name() const { return plan.config.run.name; }
};

/// Runs of one job size and about one length: an array of jobs.
struct SweepArray {
  JobSize job;
  double job_s = 0;  ///< that Slurm is asked for: the longest run and, where it may, a stop in time
  std::optional<int64_t> signal_lead_s;
  int max_running = 0;
  std::vector<std::size_t> runs;  ///< indices in Sweep::runs
};

/// All runs of a sweep and how they are submitted.
struct Sweep {
  const Partition* partition = nullptr;  ///< of the request's cluster
  double top_compute = 0;
  bool law_applies = false;
  bool law_reaches = false;  ///< applies, and to the compute of every run
  std::vector<SweepRun> runs;
  std::vector<SweepArray> arrays;
  /// Arrays wait for each other where fewer jobs may run than there are arrays.
  bool one_array_at_a_time = false;
  double device_hours = 0;  ///< predicted, of all runs
  /// Why more device hours would not be used; empty where they would.
  std::string limited_by;
  /// Absent of ablations, beyond the law's reach, and where the runs do not determine the
  /// exponents.
  std::optional<SweepPrecision> precision;
};

/// The sweep with the most compute whose runs take at most the device hours, on the partition where
/// that is most; its run files go to `runs_folder`. Throws ConfigError for settings that contradict
/// the cluster, NothingFitsError where no such sweep can be.
Sweep design_sweep(const SweepRequest& request, const std::filesystem::path& runs_folder);

/// Arrays of runs with equal jobs whose lengths are within a factor of two, each of at most
/// kLargestArray, which share max_running by their device hours.
std::vector<SweepArray> group_runs(const std::vector<SweepRun>& runs, int max_running);

/// Slurm's MaxArraySize is 1001 where nobody changed it (slurm.conf).
inline constexpr std::size_t kLargestArray = 1000;

/// 1234, 1235, ...
int64_t run_seed(int index);

}  // namespace isoflop
