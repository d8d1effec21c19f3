// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace isoflop {

/// Copies a cluster file, as it is but for its device_file, which is copied beside it, and its
/// templates, which are named by their absolute path, so that a
/// plan can be made again after either has changed. Returns the copy, named after `target` with the
/// extension of `source`; the same file when they are one. Throws FileError and ConfigError.
std::filesystem::path copy_cluster_file(const std::filesystem::path& source,
                                        const std::filesystem::path& target);

}  // namespace isoflop
