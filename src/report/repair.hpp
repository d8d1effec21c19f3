// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

namespace isoflop {

/// Copies all that can be read of a file, as a crash left it, into a new one that is closed cleanly
/// and plain HDF5 for any reader. `bad` is never changed. Returns what was recovered, in a line.
/// Throws FileError when `bad` cannot be read or `good` exists or cannot be written.
std::string repair_run(const std::filesystem::path& bad, const std::filesystem::path& good);

}  // namespace isoflop
