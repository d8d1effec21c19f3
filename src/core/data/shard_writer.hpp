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

/// Streams tokens into one shard. The file appears under its name only at commit(); a writer that
/// is destroyed before (an error, a full disk) leaves nothing. Failures are FileErrors.
class ShardWriter {
 public:
  ShardWriter(const std::filesystem::path& path, TokenDtype dtype);

  /// Ids must be in [0, 2^16) or [0, 2^31) for the dtype, at most kMaxShardTokens in all.
  void append(std::span<const int32_t> tokens);
  int64_t n_tokens() const { return n_tokens_; }

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
