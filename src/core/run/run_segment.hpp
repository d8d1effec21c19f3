// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// The file of one job start of a run: `<runs_dir>/<run_id>.s<NNN>.h5`.
struct RunSegment {
  std::filesystem::path path;
  int32_t number = 0;
};

/// Creates the next unused segment as an empty file, atomically (two jobs never get the same one),
/// and the folder where it is missing. The first segment has number 0.
/// Throws FileError when the folder cannot be written, ConfigError when run_id is empty or has a
/// character other than letters, digits, '.', '_' and '-'.
RunSegment next_segment(const std::filesystem::path& runs_dir, const std::string& run_id);

/// The run files of all starts under this id, by number; gaps are allowed. Throws FileError when
/// the folder cannot be listed.
std::vector<std::filesystem::path> segments_of(const std::filesystem::path& runs_dir,
                                               const std::string& run_id);

}  // namespace isoflop
