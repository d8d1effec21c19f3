// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/manifest.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/data/checksum.hpp"
#include "core/data/split_index_yaml.hpp"

#include <fmt/format.h>

#include <sstream>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kFormatVersion = 1;
constexpr const char* kChecksumKey = "crc32: ";

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string text_of(const CheckpointManifest& manifest) {
  YamlWriter writer;
  writer.comment("A complete checkpoint of isoflop's trainer: state files, index, config.yaml.")
      .entry("format_version", kFormatVersion)
      .entry("run", manifest.run)
      .entry("created", manifest.created)
      .entry("creator", manifest.creator)
      .entry("step", manifest.step, "steps done")
      .entry("n_files", manifest.n_files)
      .entry("bytes", manifest.bytes, "of the state files")
      .entry("index_crc32", format_crc32(manifest.index_crc32))
      .entry("n_update", manifest.n_update, "steps that were not skipped")
      .entry("loss_scale", manifest.loss_scale.scale)
      .entry("good_steps", manifest.loss_scale.good_steps, "in a row without overflow");
  if (manifest.decay)
    writer.begin_map("decay")
        .entry("first_step", manifest.decay->first_step)
        .entry("n_steps", manifest.decay->n_steps)
        .end_map();
  writer.entry("data_crc32", format_crc32(manifest.data_crc32))
      .entry("arithmetic", manifest.arithmetic);
  if (!manifest.algorithms.empty()) writer.entry("algorithms", lines_of(manifest.algorithms));
  return writer.text();
}

std::string read_lines(const ConfigNode& list) {
  std::string text;
  for (const ConfigNode& line : list.items()) text += line.as<std::string>() + '\n';
  return text;
}

DecayPlan read_decay(const ConfigNode& node) {
  MapReader map(node);
  DecayPlan decay;
  decay.first_step = map.required_at_least("first_step", 1);
  decay.n_steps = map.required_at_least("n_steps", 1);
  map.finish();
  return decay;
}

std::string checksum_line(std::string_view text) {
  return fmt::format("{}{}\n", kChecksumKey, format_crc32(crc32_of(text)));
}

/// The text up to the checksum, which must hold.
std::string checked_text(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  const std::size_t end = text.rfind(kChecksumKey);
  if (end == std::string::npos || text.substr(end) != checksum_line(text.substr(0, end)))
    throw FileError(
        fmt::format("{}: its checksum does not hold; this checkpoint is damaged", path.string()));
  return text.substr(0, end);
}

}  // namespace

uint32_t data_crc32(const DatasetIndex& index) {
  Crc32 crc;
  for (const ShardEntry& shard : index.train.shards) crc.update(format_crc32(shard.crc32));
  return crc.value();
}

void write_manifest(const std::filesystem::path& folder, const CheckpointManifest& manifest) {
  const std::string text = text_of(manifest);
  write_text_file(folder / kManifestName, text + checksum_line(text));
}

CheckpointManifest read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kManifestName;
  MapReader map(ConfigNode::parse(checked_text(path), path.string()));
  if (const int64_t version = map.required<int64_t>("format_version"); version != kFormatVersion)
    throw FileError(
        fmt::format("{}: has format {} (this program reads {}); use the version that "
                    "wrote it",
                    path.string(), version, kFormatVersion));
  CheckpointManifest manifest;
  manifest.run = map.required<std::string>("run");
  manifest.created = map.required<std::string>("created");
  manifest.creator = map.required<std::string>("creator");
  manifest.step = map.required_at_least("step", 0);
  manifest.n_files = map.required_at_least("n_files", 1);
  manifest.bytes = map.required_at_least("bytes", 0);
  manifest.index_crc32 = read_crc32(map.required_node("index_crc32"));
  manifest.n_update = map.required_at_least("n_update", 0);
  manifest.loss_scale.scale = map.required_positive("loss_scale");
  manifest.loss_scale.good_steps = map.required_at_least("good_steps", 0);
  if (const auto decay = map.find_node("decay")) manifest.decay = read_decay(*decay);
  manifest.data_crc32 = read_crc32(map.required_node("data_crc32"));
  manifest.arithmetic = map.value_or<std::string>("arithmetic", "");
  if (const auto algorithms = map.find_node("algorithms"))
    manifest.algorithms = read_lines(*algorithms);
  map.finish();
  return manifest;
}

}  // namespace isoflop
