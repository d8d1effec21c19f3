// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What a command of Slurm said, or why it said nothing: not there, no answer in time, an error.
struct SlurmReply {
  std::optional<std::string> out;
  std::string problem;  ///< a clause; empty when `out` is there
};

/// Runs a command of Slurm for at most a quarter of a minute. Variables of the environment that
/// count as its options (SBATCH_..., SLURM_... of a job that this program may run in) are left out.
SlurmReply ask_client(const std::vector<std::string>& words);

/// A job that waits or runs.
struct QueuedJob {
  std::string id;  ///< "17", "17_4"
  std::string state;
  std::string elapsed;
  std::string limit;
  std::string reason;  ///< why it waits, or its nodes
  std::string folder;  ///< that it runs in
  std::string script;

  bool is_running() const { return state == "RUNNING"; }
  /// Waits until somebody releases it: Slurm holds jobs also by itself, where a node did not start
  /// them ("launch failed requeued held").
  bool is_held() const;
};

/// The lines that squeue prints with kQueueFormat. Throws FileError for others.
std::vector<QueuedJob> read_queue(const std::string& lines);
inline constexpr const char* kQueueFormat = "%i|%T|%M|%l|%R|%Z|%o";

}  // namespace isoflop
