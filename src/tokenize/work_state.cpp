// SPDX-License-Identifier: MIT
#include "tokenize/work_state.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/data/checksum.hpp"
#include "core/data/split_index_yaml.hpp"

#include <fmt/format.h>

#include <array>

namespace isoflop {
namespace {

constexpr std::array<std::pair<const char*, OpenDocument>, 3> kOpenNames = {
    {{"none", OpenDocument::none}, {"train", OpenDocument::train}, {"val", OpenDocument::val}}};

void write_split(YamlWriter& yaml, const std::string& name, const OpenSplit& split) {
  yaml.begin_map(name);
  write_split_index(yaml, split.index);
  if (split.shard) {
    yaml.begin_map("open_shard")
        .entry("part_file", split.shard->part_file)
        .entry("n_tokens", split.shard->n_tokens)
        .entry("crc32", format_crc32(split.shard->crc32))
        .end_map();
  }
  yaml.end_map();
}

OpenSplit read_split(const ConfigNode& node, TokenDtype dtype) {
  MapReader map(node);
  OpenSplit split;
  split.index = read_split_index(map, dtype);
  if (const auto open = map.find_node("open_shard")) {
    MapReader shard(*open);
    split.shard = OpenShard{.part_file = shard.required<std::string>("part_file"),
                            .n_tokens = shard.required_at_least("n_tokens", 0),
                            .crc32 = read_crc32(shard.required_node("crc32"))};
    shard.finish();
  }
  map.finish();
  return split;
}

OpenDocument read_open_document(const ConfigNode& node) {
  const std::string name = node.as<std::string>();
  for (const auto& [known, open] : kOpenNames) {
    if (name == known) return open;
  }
  node.fail("must be none, train or val");
}

}  // namespace

void save_work_state(const std::filesystem::path& folder, const WorkState& state) {
  YamlWriter yaml;
  yaml.comment("How far tokenize has come; the same command goes on from here.")
      .begin_map("conditions");
  for (const auto& [name, value] : state.conditions) yaml.entry(name, value);
  yaml.end_map()
      .entry("next_file", state.next.file)
      .entry("next_batch", state.next.n_batches)
      .entry("n_documents", state.router.n_documents)
      .entry("open_document", kOpenNames[static_cast<std::size_t>(state.router.open)].first)
      .entry("n_bad_lines", state.n_bad_lines);
  std::vector<std::string> source_bytes;
  for (const int64_t n_bytes : state.source_bytes) source_bytes.push_back(std::to_string(n_bytes));
  yaml.entry("source_bytes", source_bytes);
  write_split(yaml, "train", state.train);
  write_split(yaml, "val", state.val);
  write_text_file(folder / kWorkStateName, yaml.text());
}

WorkState load_work_state(const std::filesystem::path& folder, TokenDtype dtype) {
  MapReader map(ConfigNode::load(folder / kWorkStateName));
  WorkState state;
  for (const auto& [name, value] : map.required_node("conditions").entries())
    state.conditions.emplace_back(name, value.as<std::string>());
  state.next = {.file = map.required_at_least("next_file", 0),
                .n_batches = map.required_at_least("next_batch", 0)};
  state.router = {.n_documents = map.required_at_least("n_documents", 0),
                  .open = read_open_document(map.required_node("open_document"))};
  state.n_bad_lines = map.required_at_least("n_bad_lines", 0);
  for (const ConfigNode& item : map.required_node("source_bytes").items())
    state.source_bytes.push_back(item.as<int64_t>());
  state.train = read_split(map.required_node("train"), dtype);
  state.val = read_split(map.required_node("val"), dtype);
  map.finish();
  return state;
}

void check_conditions(const WorkState& state,
                      const std::vector<std::pair<std::string, std::string>>& now,
                      const std::filesystem::path& out) {
  for (std::size_t i = 0; i < now.size(); ++i) {
    const auto& [name, value] = now[i];
    const std::string then = i < state.conditions.size() ? state.conditions[i].second : "";
    if (value != then)
      throw ConfigError(
          fmt::format("{}: {} is '{}' (the work to be resumed began with '{}'); run the command it "
                      "began with, or add --restart to start over",
                      out.string(), name, value, then));
  }
}

}  // namespace isoflop
