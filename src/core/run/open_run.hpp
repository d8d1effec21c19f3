// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/hdf5_handle.hpp"
#include "core/run/superblock.hpp"

#include <filesystem>

namespace isoflop {

/// Opens a run file to read it, also one that is being written or was left by a killed writer.
/// Throws Hdf5Error.
Hdf5Handle open_run(const std::filesystem::path& path, const Superblock& superblock);

/// As above; reads the superblock itself.
Hdf5Handle open_run(const std::filesystem::path& path);

}  // namespace isoflop
