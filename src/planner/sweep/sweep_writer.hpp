// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep_manifest.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Where the cluster file is, or its text where there was none.
struct ClusterSource {
  std::filesystem::path file;
  std::optional<std::string> detected = std::nullopt;
};

/// Writes the folder of a sweep, its manifest last: a folder without one holds none. A cluster file
/// that was detected is given as text and written there first. Returns what people look at. Throws
/// FileError.
std::vector<std::filesystem::path> write_sweep(const SweepRequest& request, const Sweep& sweep,
                                               const SweepSettings& settings,
                                               const ClusterSource& cluster,
                                               const SweepFiles& files);

/// Whether the folder already holds this very sweep; one that was not written to its end is
/// removed. Throws FileError when it holds another one or other files.
bool holds_sweep(const SweepFiles& files, const SweepSettings& settings);

}  // namespace isoflop
