// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>

namespace isoflop {

/// The files of a sweep; all absolute.
struct SweepFiles {
  std::filesystem::path folder;
  std::filesystem::path manifest;     ///< sweep.json
  std::filesystem::path cluster;      ///< cluster.yaml, a copy of the cluster file
  std::filesystem::path plans;        ///< plans/NAME.yaml of each run
  std::filesystem::path runs;         ///< runs/: run files, checkpoints
  std::filesystem::path logs;         ///< logs/ of the jobs
  std::filesystem::path report;       ///< report.sbatch
  std::filesystem::path tables;       ///< report.txt, which it writes
  std::filesystem::path law;          ///< law.yaml, likewise
  std::filesystem::path tick;         ///< tick.sbatch, which submits itself again
  std::filesystem::path scrontab;     ///< sweep.scrontab
  std::filesystem::path schedule;     ///< schedule.yaml: when ticks may submit
  std::filesystem::path ledger;       ///< ledger.txt: GPU hours submitted, with their time
  std::filesystem::path submissions;  ///< submitted.txt: each job submitted from here
  std::filesystem::path cancelled;    ///< kCancelledName
  std::filesystem::path bad_nodes;    ///< bad_nodes.txt: nodes to leave out, one a line
  std::filesystem::path unfinished;   ///< there while the folder is written

  /// array-1.sbatch, ...
  std::filesystem::path array_script(std::size_t index) const;
};

SweepFiles sweep_files_in(const std::filesystem::path& folder);

/// Whether the folder holds a sweep of ours.
bool is_sweep_folder(const std::filesystem::path& folder);

}  // namespace isoflop
