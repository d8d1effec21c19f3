// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/data/dataset_index.hpp"

namespace isoflop {

/// The keys of a split, written into the map that is open.
void write_split_index(YamlWriter& yaml, const SplitIndex& split);

/// Reads them back. Throws ConfigError for a wrong value.
SplitIndex read_split_index(MapReader& map, TokenDtype dtype);

/// A checksum as format_crc32() writes it. Throws ConfigError for anything else.
uint32_t read_crc32(const ConfigNode& node);

}  // namespace isoflop
