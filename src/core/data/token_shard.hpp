// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/token_shard_format.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace isoflop {

/// One shard, mapped into memory and read only. Reads are safe from several threads.
class TokenShard {
 public:
  /// Throws FileError naming the path when it cannot be mapped, is not a shard, or its size is not
  /// what its header says.
  explicit TokenShard(const std::filesystem::path& path);
  ~TokenShard();
  TokenShard(TokenShard&&) noexcept;
  TokenShard& operator=(TokenShard&&) noexcept;

  const std::filesystem::path& path() const { return path_; }
  TokenDtype dtype() const { return fields_.dtype; }
  int64_t n_tokens() const { return fields_.n_tokens; }
  int64_t n_bytes() const { return static_cast<int64_t>(bytes().size()); }

  /// Copies tokens [first, first + tokens.size()), which must lie inside the shard. Throws
  /// FileError when the file cannot be read any more; so does compute_crc32().
  void read(int64_t first, std::span<int32_t> tokens) const;
  /// CRC-32 of the whole file; reads all of it.
  uint32_t compute_crc32() const;

 private:
  class Mapping;
  std::string_view bytes() const;
  /// Runs what reads the mapped bytes.
  void access(const std::function<void()>& read_pages) const;

  std::filesystem::path path_;
  std::unique_ptr<const Mapping> mapping_;
  ShardHeaderFields fields_;
};

}  // namespace isoflop
