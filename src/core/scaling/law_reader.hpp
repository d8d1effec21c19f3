// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/scaling/allocation_rule.hpp"
#include "core/scaling/scaling_law.hpp"

#include <string>

namespace isoflop {

/// One entry under `laws` (data/scaling_laws.yaml explains the keys). Throws ConfigError for
/// missing, unknown or impossible values.
ScalingLaw read_law(const std::string& name, const ConfigNode& node);

/// One entry under `allocation_rules`. Throws ConfigError likewise.
AllocationRule read_allocation_rule(const std::string& name, const ConfigNode& node);

}  // namespace isoflop
