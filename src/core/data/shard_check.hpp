// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"
#include "core/data/token_shard.hpp"

#include <filesystem>

namespace isoflop {

/// What is checked when shards are opened: header and size, or also the checksum (reads every
/// byte).
enum class ShardCheck { size, checksum };

/// Opens the shard that a dataset's index describes. Throws FileError naming it when it is missing,
/// torn, damaged or another one.
TokenShard open_checked_shard(const std::filesystem::path& folder, const ShardEntry& entry,
                              TokenDtype dtype, ShardCheck check);

/// Reads every byte. Throws FileError naming the shard when it is damaged.
void check_checksum(const TokenShard& shard, const ShardEntry& entry);

}  // namespace isoflop
