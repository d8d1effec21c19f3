// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/cluster.hpp"

namespace isoflop {

/// Reads a site's job keys (account ... work_dir) over `defaults`; environment entries are merged
/// by name, other keys replace. Leaves finish() to the caller. Throws ConfigError.
JobSettings read_job_settings(MapReader& map, JobSettings defaults);

/// Text that fits on one line of a job script. Throws ConfigError when empty or of several lines.
std::string single_line(const ConfigNode& node);

}  // namespace isoflop
