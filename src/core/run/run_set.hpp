// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_reader.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// One run over all its starts.
struct TrainingRun {
  std::string name;               ///< its run id, or its first file where others have that id too
  std::vector<RunFile> segments;  ///< by number; rows that a later start computed again are removed
  std::optional<double> wall_s{};      ///< sum over the starts, steps computed again included
  std::vector<double> start_wall_s{};  ///< of each start; 0 where nothing was recorded
  int64_t lost_steps = 0;              ///< how many steps were computed again

  /// The latest start, whose header and state stand for the run.
  const RunFile& last() const { return segments.back(); }
  bool is_done() const { return last().state == RunState::done; }
};

struct RunSet {
  std::vector<TrainingRun> runs;      ///< in the order in which their first file was given
  std::vector<std::string> skipped;   ///< "path: reason what to do" of files that were left out
  std::vector<std::string> warnings;  ///< files that were used although something is wrong
};

/// Reads the files and groups them by run.
RunSet load_runs(std::span<const std::filesystem::path> files,
                 RunReading reading = RunReading::whole);

/// Adds the runs of these files. A start from step 0 with another configuration than the start
/// before is a run of its own, though both have the same run id: names are reused.
void group_runs(std::vector<RunFile> files, RunSet& set);

/// Joins segments of one run: sorts them, removes superseded rows and counts the lost steps.
TrainingRun join_segments(std::vector<RunFile> segments);

}  // namespace isoflop
