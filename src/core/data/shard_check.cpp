// SPDX-License-Identifier: MIT
#include "core/data/shard_check.hpp"

#include "core/base/error.hpp"
#include "core/data/checksum.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

void check_header(const TokenShard& shard, const ShardEntry& entry, TokenDtype dtype) {
  if (shard.dtype() != dtype)
    throw FileError(fmt::format("{}: stores {} tokens ({} says {}); tokenize again",
                                shard.path().string(), token_dtype_name(shard.dtype()),
                                kDatasetIndexName, token_dtype_name(dtype)));
  if (shard.n_tokens() != entry.n_tokens)
    throw FileError(fmt::format("{}: holds {} tokens ({} says {}); tokenize again",
                                shard.path().string(), shard.n_tokens(), kDatasetIndexName,
                                entry.n_tokens));
}

}  // namespace

void check_checksum(const TokenShard& shard, const ShardEntry& entry) {
  const uint32_t found = shard.compute_crc32();
  if (found != entry.crc32)
    throw FileError(fmt::format(
        "{}: checksum is {} ({} says {}); the shard is damaged, restore it "
        "or tokenize again",
        shard.path().string(), format_crc32(found), kDatasetIndexName, format_crc32(entry.crc32)));
}

TokenShard open_checked_shard(const std::filesystem::path& folder, const ShardEntry& entry,
                              TokenDtype dtype, ShardCheck check) {
  TokenShard shard(folder / entry.file);
  check_header(shard, entry, dtype);
  if (check == ShardCheck::checksum) check_checksum(shard, entry);
  return shard;
}

}  // namespace isoflop
