// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_header.hpp"
#include "core/run/run_records.hpp"
#include "core/run/step_rows.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace isoflop {

/// All that one run file holds.
struct RunFile {
  std::filesystem::path path;
  RunHeader header;
  RunState state = RunState::running;
  bool closed_cleanly = false;  ///< false while the writer lives and after it was killed
  /// Rows that the file announces but does not hold: the disk failed or a live file was cut short.
  /// They are left out of the tables.
  int64_t unwritten_rows = 0;
  StepRows steps;
  std::vector<GradientRecord> gradients;
  std::vector<LayerNormRecord> layer_norms;
  std::vector<EvalRecord> evals;
  std::vector<RankTimesRecord> rank_times;
  std::vector<SystemRecord> system;
  std::vector<CheckpointRecord> checkpoints;
  std::vector<RunEvent> events;
};

/// Why a file is not a run that can be read.
enum class RunFileProblem {
  missing,
  empty,          ///< zero bytes: the job ended before it wrote its header
  foreign,        ///< not HDF5, or HDF5 of someone else
  truncated,      ///< shorter than its own record of its size
  newer_version,  ///< a format this program does not know
  damaged,        ///< the HDF5 library cannot read it, or hangs doing so
};

/// A file that is not a run, with the reason.
struct UnreadableRun {
  RunFileProblem problem = RunFileProblem::missing;
  std::string message;  ///< "path: problem (why) what to do"
};

using RunReadResult = std::variant<RunFile, UnreadableRun>;

/// How much of a file is read. for_tables: steps are read from the file when they are asked for,
/// and gradients, layer norms and system samples are left out.
enum class RunReading { whole, for_tables };

/// Reads a run file: finished, still growing or left by a killed process. Never modifies it and
/// never hangs (a damaged file can make the HDF5 library loop, so a child process tries first).
RunReadResult read_run(const std::filesystem::path& path);

/// As read_run for each file in turn, in less time than one by one.
void read_runs(std::span<const std::filesystem::path> paths, RunReading reading,
               const std::function<void(RunReadResult)>& visit);

/// As read_run; throws FileError with the message.
RunFile read_run_or_throw(const std::filesystem::path& path);

}  // namespace isoflop
