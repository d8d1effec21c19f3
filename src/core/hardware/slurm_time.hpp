// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"

#include <optional>

namespace isoflop {

/// Seconds of a time limit: Slurm's "24:00:00", "1-00:00:00", "1-12", "90" (minutes), or "24h",
/// "2d", "90m", "30s"; absent for "unlimited" and "infinite". Throws ConfigError for anything else,
/// and for "24:00", which Slurm takes as 24 minutes and people mean as hours.
std::optional<double> parse_time_limit_s(const ConfigNode& node);

}  // namespace isoflop
