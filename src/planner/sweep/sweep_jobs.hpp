// SPDX-License-Identifier: MIT
#pragma once

#include "planner/jobs/run_progress.hpp"
#include "planner/jobs/submission.hpp"
#include "planner/sweep/sweep_manifest.hpp"

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Where a run stands: by its own files, then by Slurm.
struct SweepRunState {
  RunProgress progress;
  bool done = false;
  /// Ended with a cause that would come again: divergence, memory, a failure before any checkpoint.
  bool hopeless = false;
  std::optional<QueuedJob> job;  ///< that waits or runs
};

struct SweepState {
  SweepManifest manifest;
  std::vector<SweepRunState> runs;  ///< as in the manifest
  std::vector<QueuedJob> jobs;      ///< of all the sweep's scripts, each member by itself
  std::string problem;              ///< why nobody knows the jobs; empty when they are known

  std::size_t n_done() const;
  std::size_t n_queued() const;  ///< waiting or running, of those that are not done
};

/// Throws as read_manifest does.
SweepState read_sweep_state(const SweepFiles& files);

/// What may be submitted.
struct SubmitRules {
  double most_device_hours = std::numeric_limits<double>::infinity();
  bool retry_hopeless = true;  ///< somebody asks, and may have corrected the cause
};

struct SweepSubmission {
  std::vector<Submission> arrays;
  std::vector<std::string> runs;  ///< submitted by them
  double device_hours = 0;        ///< of those runs
  std::optional<Submission> report;
};

/// Submits the runs that are neither done nor waiting or running, each array's with its cap, and
/// then the report, which waits for all jobs of the sweep and replaces one that waits for fewer.
/// Lifts what `planner cancel` left. Throws FileError without the data, while cancelled jobs still
/// end, when Slurm does not say what waits, and when it refuses. The caller holds the SweepLock.
SweepSubmission submit_sweep(const SweepFiles& files, const SubmitRules& rules);

/// "0-3,7" of {0, 1, 2, 3, 7}
std::string array_list(const std::vector<std::size_t>& members);

}  // namespace isoflop
