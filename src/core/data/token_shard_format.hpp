// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <string>

/// The token shards of llm.c (https://github.com/karpathy/llm.c, dev/data/data_common.py): a header
/// of 256 little-endian int32, then the tokens. data/README.md describes it byte by byte.
namespace isoflop {

static_assert(std::endian::native == std::endian::little,
              "token shards are little-endian and mapped as they are");

/// How one token is stored.
enum class TokenDtype { uint16, uint32 };

inline constexpr int kShardHeaderWords = 256;
inline constexpr int64_t kShardHeaderBytes = kShardHeaderWords * int64_t{4};
inline constexpr int kShardMagicWord = 0;
inline constexpr int kShardVersionWord = 1;
inline constexpr int kShardTokenCountWord = 2;
/// The count is an int32 in the header.
inline constexpr int64_t kMaxShardTokens = std::numeric_limits<int32_t>::max();

using ShardHeader = std::array<int32_t, kShardHeaderWords>;

/// Bytes of one token: 2 or 4.
int64_t token_bytes(TokenDtype dtype);
/// uint16 up to 65,535 ids, uint32 above.
TokenDtype token_dtype_for_vocab(int64_t vocab_size);
/// "uint16" or "uint32", as dataset.yaml names it.
std::string token_dtype_name(TokenDtype dtype);

/// 20240520 version 1 for uint16, 20240801 version 7 for uint32; all other words are zero.
ShardHeader make_shard_header(TokenDtype dtype, int64_t n_tokens);

/// The first word of a shard's header.
bool is_shard_magic(int32_t word);

struct ShardHeaderFields {
  TokenDtype dtype;
  int64_t n_tokens;
};
/// Throws FileError naming `path` for a foreign magic, an unknown version or a negative count.
ShardHeaderFields parse_shard_header(const ShardHeader& header, const std::string& path);

/// Size of a whole shard file.
int64_t shard_file_bytes(TokenDtype dtype, int64_t n_tokens);

}  // namespace isoflop
