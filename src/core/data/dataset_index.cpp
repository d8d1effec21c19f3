// SPDX-License-Identifier: MIT
#include "core/data/dataset_index.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/data/checksum.hpp"

#include <fmt/format.h>

#include <charconv>
#include <numeric>

namespace isoflop {
namespace {

void write_split(YamlWriter& yaml, const std::string& name, const SplitIndex& split) {
  yaml.begin_map(name)
      .entry("n_documents", split.n_documents)
      .entry("n_tokens", split.n_tokens)
      .entry("n_text_bytes", split.n_text_bytes)
      .begin_list("shards");
  for (const ShardEntry& shard : split.shards) {
    yaml.begin_item()
        .entry("file", shard.file)
        .entry("n_tokens", shard.n_tokens)
        .entry("n_bytes", shard.n_bytes)
        .entry("crc32", format_crc32(shard.crc32))
        .end_map();
  }
  yaml.end_list().end_map();
}

uint32_t read_crc32(const ConfigNode& node) {
  const std::string text = node.as<std::string>();
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc{} || stop != end) node.fail("must be a CRC-32 in hexadecimal digits");
  return value;
}

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

SplitIndex read_split(const ConfigNode& node, TokenDtype dtype) {
  MapReader map(node);
  SplitIndex split;
  split.n_documents = map.required_at_least("n_documents", 0);
  split.n_tokens = map.required_at_least("n_tokens", 0);
  split.n_text_bytes = map.required_at_least("n_text_bytes", 0);
  for (const ConfigNode& item : map.required_node("shards").items())
    split.shards.push_back(read_shard(item, dtype));
  const int64_t sum = std::accumulate(
      split.shards.begin(), split.shards.end(), int64_t{0},
      [](int64_t total, const ShardEntry& shard) { return total + shard.n_tokens; });
  if (sum != split.n_tokens)
    map.required_node("n_tokens").fail(fmt::format("must be {}, the sum of its shards", sum));
  map.finish();
  return split;
}

TokenDtype read_dtype(const ConfigNode& node) {
  const std::string name = node.as<std::string>();
  if (name == token_dtype_name(TokenDtype::uint16)) return TokenDtype::uint16;
  if (name == token_dtype_name(TokenDtype::uint32)) return TokenDtype::uint32;
  node.fail("must be uint16 or uint32");
}

std::vector<SourceFile> read_sources(const ConfigNode& node) {
  std::vector<SourceFile> sources;
  for (const ConfigNode& item : node.items()) {
    MapReader map(item);
    sources.push_back({.path = map.required<std::string>("path"),
                       .n_bytes = map.required_at_least("n_bytes", 0)});
    map.finish();
  }
  return sources;
}

std::optional<NgramBaselines> read_baselines(const std::optional<ConfigNode>& node) {
  if (!node) return std::nullopt;
  MapReader map(*node);
  const NgramBaselines baselines{
      .unigram_nats_per_token = map.required_positive("unigram_nats_per_token"),
      .bigram_nats_per_token = map.required_positive("bigram_nats_per_token")};
  map.finish();
  return baselines;
}

void check_version(MapReader& map) {
  const ConfigNode version = map.required_node("format_version");
  if (version.as<int64_t>() != kDatasetFormatVersion)
    version.fail(fmt::format("this program reads version {}", kDatasetFormatVersion),
                 "tokenize the text again");
}

void read_vocabulary(MapReader& map, DatasetIndex& index) {
  index.tokenizer = map.required<std::string>("tokenizer");
  index.vocab_size = map.required_at_least("vocab_size", 1);
  index.eot_token = map.required_at_least("eot_token", 0);
  if (index.eot_token >= index.vocab_size)
    map.required_node("eot_token").fail("must be below vocab_size");
  index.token_dtype = read_dtype(map.required_node("token_dtype"));
}

}  // namespace

std::string dataset_index_yaml(const DatasetIndex& index) {
  YamlWriter yaml;
  yaml.comment("Token shards written by tokenize; data/README.md describes every key.")
      .entry("format_version", kDatasetFormatVersion)
      .entry("tokenizer", index.tokenizer)
      .entry("vocab_size", index.vocab_size)
      .entry("eot_token", index.eot_token)
      .entry("token_dtype", token_dtype_name(index.token_dtype))
      .entry("document_rule", index.document_rule)
      .entry("validation_rule", index.validation_rule)
      .begin_list("sources");
  for (const SourceFile& source : index.sources)
    yaml.begin_item().entry("path", source.path).entry("n_bytes", source.n_bytes).end_map();
  yaml.end_list().begin_map("splits");
  write_split(yaml, "train", index.train);
  write_split(yaml, "val", index.val);
  yaml.end_map();
  if (index.baselines) {
    yaml.begin_map("baselines")
        .entry("unigram_nats_per_token", index.baselines->unigram_nats_per_token)
        .entry("bigram_nats_per_token", index.baselines->bigram_nats_per_token)
        .end_map();
  }
  return yaml.text();
}

void write_dataset_index(const std::filesystem::path& folder, const DatasetIndex& index) {
  write_text_file(folder / kDatasetIndexName, dataset_index_yaml(index));
}

DatasetIndex load_dataset_index(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kDatasetIndexName;
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    throw FileError(fmt::format(
        "{}: holds no dataset ({} is missing); write one with tokenize FILE... --out {}",
        folder.string(), kDatasetIndexName, folder.string()));
  MapReader map(ConfigNode::load(path));
  check_version(map);
  DatasetIndex index;
  read_vocabulary(map, index);
  index.document_rule = map.required<std::string>("document_rule");
  index.validation_rule = map.required<std::string>("validation_rule");
  index.sources = read_sources(map.required_node("sources"));
  MapReader splits(map.required_node("splits"));
  index.train = read_split(splits.required_node("train"), index.token_dtype);
  index.val = read_split(splits.required_node("val"), index.token_dtype);
  splits.finish();
  index.baselines = read_baselines(map.find_node("baselines"));
  map.finish();
  return index;
}

}  // namespace isoflop
