// SPDX-License-Identifier: MIT
#pragma once

#include "planner/jobs/slurm_client.hpp"
#include "planner/plan_folder.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// One line of DIR/submitted.txt.
struct Submission {
  std::string job;
  std::string time;              ///< UTC
  std::filesystem::path folder;  ///< that the job runs in, unless the site has a work_dir
  std::filesystem::path script;
};

/// In the order of submission. Lines that are none of ours are passed over.
std::vector<Submission> read_submissions(const PlanFiles& files);

/// The waiting and running jobs of the plan's scripts, whoever submitted them. `problem` is why
/// nobody knows.
struct PlanQueue {
  std::vector<QueuedJob> jobs;
  std::string problem;
};
PlanQueue queue_of(const PlanFiles& files);

/// Node names in DIR/bad_nodes.txt, each once, in the file's order; "#" begins a comment.
std::vector<std::string> bad_nodes(const PlanFiles& files);

/// The words that submit a script: with the nodes that the site excludes and the bad ones.
std::vector<std::string> sbatch_words(const std::filesystem::path& script,
                                      const std::vector<std::string>& bad);

/// Submits a script of the folder, with more options of sbatch, and notes it in submitted.txt with
/// the folder that it runs in. Throws FileError when Slurm refuses.
Submission submit_script(const PlanFiles& files, const std::filesystem::path& script,
                         const std::vector<std::string>& options,
                         const std::filesystem::path& folder);

/// Submits train.sbatch to run in the current folder; lifts what `planner cancel` left. Throws
/// FileError without a script, while jobs of the plan wait or run, and when Slurm refuses.
Submission submit_plan(const PlanFiles& files);

}  // namespace isoflop
