// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/atomic_file.hpp"
#include "core/data/checksum.hpp"
#include "core/data/dataset_index.hpp"
#include "core/data/token_shard_format.hpp"

#include <filesystem>
#include <span>
#include <string>

namespace isoflop {

/// A shard that is not finished, as keep() left it.
struct OpenShard {
  std::string part_file;  ///< name beside the shard
  int64_t n_tokens = 0;
  uint32_t crc32 = 0;  ///< of the tokens
};

/// Streams tokens into one shard. The file appears under its name only at commit(); a writer that
/// is destroyed before (an error, a full disk) leaves nothing but what keep() kept. Failures are
/// FileErrors.
class ShardWriter {
 public:
  ShardWriter(const std::filesystem::path& path, TokenDtype dtype);
  /// Goes on where keep() was called; tokens written after that are dropped.
  ShardWriter(const std::filesystem::path& path, TokenDtype dtype, const OpenShard& open);

  /// Ids must be in [0, 2^16) or [0, 2^31) for the dtype, at most kMaxShardTokens in all.
  void append(std::span<const int32_t> tokens);
  int64_t n_tokens() const { return n_tokens_; }

  /// Syncs the tokens so far for another ShardWriter to go on with, should this one not commit().
  OpenShard keep();
  /// Writes the header, syncs, renames. The checksum covers the whole file.
  ShardEntry commit();

 private:
  void flush();

  AtomicFile file_;
  TokenDtype dtype_;
  int64_t n_tokens_ = 0;
  std::string buffer_;  // encoded tokens not yet written
  Crc32 token_checksum_;
};

}  // namespace isoflop
