// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep_manifest.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Writes the folder of a sweep, its manifest last: a folder without one holds none. Returns what
/// people look at. Throws FileError.
std::vector<std::filesystem::path> write_sweep(const SweepRequest& request, const Sweep& sweep,
                                               const SweepSettings& settings,
                                               const std::filesystem::path& cluster_file,
                                               const SweepFiles& files);

/// Whether the folder already holds this very sweep. Throws FileError when it holds another one or
/// other files.
bool holds_sweep(const SweepFiles& files, const SweepSettings& settings);

}  // namespace isoflop
