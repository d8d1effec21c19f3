// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/model/recompute.hpp"

#include <cstdint>

namespace isoflop {

/// layout.recompute: none, selective or full; a map of mode and ops (norms, activations, attention:
/// mode selective only, where left out all of them); or a list of such maps, each with the blocks
/// it is for ("0-7" or "8"), of which those not named keep everything. Throws ConfigError with
/// file, line and key for blocks beyond n_layer and for overlaps.
RecomputePlan read_recompute(const ConfigNode& node, int64_t n_layer);

/// As read_recompute reads back equal.
void write_recompute(YamlWriter& writer, const RecomputePlan& plan);

}  // namespace isoflop
