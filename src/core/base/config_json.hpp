// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/json_writer.hpp"

namespace isoflop {

/// Writes a configuration's value as JSON: maps, lists, and scalars as number, truth value or null
/// where they are written as such without quotes, else as text.
void write_json(JsonWriter& json, const ConfigNode& node);

}  // namespace isoflop
