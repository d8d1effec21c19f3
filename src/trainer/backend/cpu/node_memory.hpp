// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

namespace isoflop {

/// Bytes this process may use: the node's memory, or less where a control group (a Slurm job with
/// --mem, a container) limits it.
int64_t node_memory_bytes();

/// The smallest limit of the version 2 control groups from `group` up to `root`; INT64_MAX when
/// none is set.
int64_t control_group_limit(const std::filesystem::path& root, const std::filesystem::path& group);

}  // namespace isoflop
