// SPDX-License-Identifier: MIT
#include "core/data/dataset_index.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/data/checksum.hpp"
#include "core/data/split_index_yaml.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

void write_vocabulary_source(YamlWriter& yaml, const VocabularySource& source) {
  std::vector<std::string> files;
  for (const std::filesystem::path& file : source.files) files.push_back(file.string());
  yaml.begin_map("vocabulary")
      .entry("scheme", source.scheme)
      .entry("files", files)
      .entry("crc32", format_crc32(source.crc32))
      .end_map();
}

SplitIndex read_split(const ConfigNode& node, TokenDtype dtype) {
  MapReader map(node);
  SplitIndex split = read_split_index(map, dtype);
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

/// A path inside the dataset's folder.
std::filesystem::path read_inner_path(const ConfigNode& node) {
  const std::filesystem::path path = node.as<std::string>();
  const bool climbs = path.lexically_normal().string().starts_with("..");
  if (path.empty() || path.is_absolute() || climbs)
    node.fail("must be the path of a file in the dataset's folder");
  return path;
}

std::optional<VocabularySource> read_vocabulary_source(const std::optional<ConfigNode>& node) {
  if (!node) return std::nullopt;
  MapReader map(*node);
  VocabularySource source;
  const ConfigNode scheme = map.required_node("scheme");
  source.scheme = scheme.as<std::string>();
  if (source.scheme != "gpt2" && source.scheme != "sentencepiece")
    scheme.fail("must be gpt2 or sentencepiece");
  const ConfigNode files = map.required_node("files");
  for (const ConfigNode& file : files.items()) source.files.push_back(read_inner_path(file));
  if (source.files.empty()) files.fail("must name a file");
  source.crc32 = read_crc32(map.required_node("crc32"));
  map.finish();
  return source;
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
  index.vocabulary = read_vocabulary_source(map.find_node("vocabulary"));
  index.token_dtype = read_dtype(map.required_node("token_dtype"));
}

}  // namespace

std::string dataset_index_yaml(const DatasetIndex& index) {
  YamlWriter yaml;
  yaml.comment("Token shards written by tokenize; data/README.md describes every key.")
      .entry("format_version", kDatasetFormatVersion)
      .entry("tokenizer", index.tokenizer)
      .entry("vocab_size", index.vocab_size)
      .entry("eot_token", index.eot_token);
  if (index.vocabulary) write_vocabulary_source(yaml, *index.vocabulary);
  yaml.entry("token_dtype", token_dtype_name(index.token_dtype))
      .entry("document_rule", index.document_rule)
      .entry("validation_rule", index.validation_rule)
      .begin_list("sources");
  for (const SourceFile& source : index.sources)
    yaml.begin_item().entry("path", source.path).entry("n_bytes", source.n_bytes).end_map();
  yaml.end_list().begin_map("splits").begin_map("train");
  write_split_index(yaml, index.train);
  yaml.end_map().begin_map("val");
  write_split_index(yaml, index.val);
  yaml.end_map().end_map();
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
