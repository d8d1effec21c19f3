// SPDX-License-Identifier: MIT
#include "core/data/split_index_yaml.hpp"

#include "core/data/checksum.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <numeric>

namespace isoflop {
namespace {

std::string read_file_name(const ConfigNode& node) {
  const std::string name = node.as<std::string>();
  if (name.empty() || std::filesystem::path(name).filename() != name)
    node.fail("must be the name of a file in the dataset's folder");
  return name;
}

ShardEntry read_shard(const ConfigNode& node, TokenDtype dtype) {
  MapReader map(node);
  ShardEntry shard;
  shard.file = read_file_name(map.required_node("file"));
  shard.n_tokens = map.required_at_least("n_tokens", 0);
  if (shard.n_tokens > kMaxShardTokens)
    map.required_node("n_tokens").fail(fmt::format("must be at most {}", kMaxShardTokens));
  const ConfigNode size = map.required_node("n_bytes");
  shard.n_bytes = size.as<int64_t>();
  const int64_t expected = shard_file_bytes(dtype, shard.n_tokens);
  if (shard.n_bytes != expected)
    size.fail(fmt::format("must be {} for {} tokens", expected, shard.n_tokens));
  shard.crc32 = read_crc32(map.required_node("crc32"));
  map.finish();
  return shard;
}

}  // namespace

uint32_t read_crc32(const ConfigNode& node) {
  const std::string text = node.as<std::string>();
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc{} || stop != end) node.fail("must be a CRC-32 in hexadecimal digits");
  return value;
}

void write_split_index(YamlWriter& yaml, const SplitIndex& split) {
  yaml.entry("n_documents", split.n_documents).entry("n_tokens", split.n_tokens);
  if (split.n_text_bytes) yaml.entry("n_text_bytes", *split.n_text_bytes);
  yaml.begin_list("shards");
  for (const ShardEntry& shard : split.shards) {
    yaml.begin_item()
        .entry("file", shard.file)
        .entry("n_tokens", shard.n_tokens)
        .entry("n_bytes", shard.n_bytes)
        .entry("crc32", format_crc32(shard.crc32))
        .end_map();
  }
  yaml.end_list();
}

SplitIndex read_split_index(MapReader& map, TokenDtype dtype) {
  SplitIndex split;
  split.n_documents = map.required_at_least("n_documents", 0);
  split.n_tokens = map.required_at_least("n_tokens", 0);
  if (map.find_node("n_text_bytes")) split.n_text_bytes = map.required_at_least("n_text_bytes", 0);
  for (const ConfigNode& item : map.required_node("shards").items())
    split.shards.push_back(read_shard(item, dtype));
  const int64_t sum = std::accumulate(
      split.shards.begin(), split.shards.end(), int64_t{0},
      [](int64_t total, const ShardEntry& shard) { return total + shard.n_tokens; });
  if (sum != split.n_tokens)
    map.required_node("n_tokens").fail(fmt::format("must be {}, the sum of its shards", sum));
  return split;
}

}  // namespace isoflop
