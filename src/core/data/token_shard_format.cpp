// SPDX-License-Identifier: MIT
#include "core/data/token_shard_format.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

constexpr int32_t kUint16Magic = 20240520;
constexpr int32_t kUint16Version = 1;
constexpr int32_t kUint32Magic = 20240801;
constexpr int32_t kUint32Version = 7;

TokenDtype dtype_of_magic(int32_t magic, const std::string& path) {
  if (magic == kUint16Magic) return TokenDtype::uint16;
  if (magic == kUint32Magic) return TokenDtype::uint32;
  throw FileError(
      fmt::format("{}: is not a token shard (magic number {}, expected {} or {}); write shards "
                  "with the program tokenize",
                  path, magic, kUint16Magic, kUint32Magic));
}

}  // namespace

int64_t token_bytes(TokenDtype dtype) { return dtype == TokenDtype::uint16 ? 2 : 4; }

TokenDtype token_dtype_for_vocab(int64_t vocab_size) {
  return vocab_size <= 65535 ? TokenDtype::uint16 : TokenDtype::uint32;
}

std::string token_dtype_name(TokenDtype dtype) {
  return dtype == TokenDtype::uint16 ? "uint16" : "uint32";
}

ShardHeader make_shard_header(TokenDtype dtype, int64_t n_tokens) {
  ISOFLOP_CHECK(n_tokens >= 0 && n_tokens <= kMaxShardTokens);
  const bool narrow = dtype == TokenDtype::uint16;
  ShardHeader header{};
  header[kShardMagicWord] = narrow ? kUint16Magic : kUint32Magic;
  header[kShardVersionWord] = narrow ? kUint16Version : kUint32Version;
  header[kShardTokenCountWord] = static_cast<int32_t>(n_tokens);
  return header;
}

bool is_shard_magic(int32_t word) { return word == kUint16Magic || word == kUint32Magic; }

ShardHeaderFields parse_shard_header(const ShardHeader& header, const std::string& path) {
  const TokenDtype dtype = dtype_of_magic(header[kShardMagicWord], path);
  const int32_t expected = dtype == TokenDtype::uint16 ? kUint16Version : kUint32Version;
  if (header[kShardVersionWord] != expected)
    throw FileError(fmt::format("{}: shard version is {} (this program reads {}); tokenize again",
                                path, header[kShardVersionWord], expected));
  if (header[kShardTokenCountWord] < 0)
    throw FileError(fmt::format("{}: token count is {} (the header is damaged); tokenize again",
                                path, header[kShardTokenCountWord]));
  return {dtype, header[kShardTokenCountWord]};
}

int64_t shard_file_bytes(TokenDtype dtype, int64_t n_tokens) {
  return kShardHeaderBytes + n_tokens * token_bytes(dtype);
}

}  // namespace isoflop
