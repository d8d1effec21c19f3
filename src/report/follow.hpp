// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"
#include "core/run/run_set.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

struct FollowOptions {
  double every_s = 2;  ///< between two looks
  bool once = false;   ///< one look, also on a terminal
};

/// All files of the run that `file` belongs to, in order: <name>.sNNN.h5, one for each start. Just
/// `file` where its name is another.
std::vector<std::filesystem::path> files_of_run(const std::filesystem::path& file);

/// Where a run stands at `now_s` (Unix time): steps, time left, and curves of loss and MFU over all
/// of its steps; three lines of at most `columns` characters.
std::string follow_text(const TrainingRun& run, double now_s, int columns);

/// Prints that of the run of `file`, later starts included, again and again until the run has
/// ended; once where standard output is no terminal. Throws FileError for a file that cannot be
/// read, unless it is one that a run has just begun.
ExitCode follow_run(const std::filesystem::path& file, const FollowOptions& options);

}  // namespace isoflop
