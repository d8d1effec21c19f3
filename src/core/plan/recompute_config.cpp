// SPDX-License-Identifier: MIT
#include "core/plan/recompute_config.hpp"

#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

BlockParts read_ops(const ConfigNode& node) {
  BlockParts parts;
  for (const ConfigNode& item : node.items()) {
    const BlockPart part = read_enum(item, kRecomputeOpNames);
    if (parts.has(part)) item.fail("stands twice", "remove one");
    parts = parts | BlockParts{part};
  }
  if (parts.empty())
    node.fail("must name what is run again",
              "list some of norms, activations, attention, or set mode to none");
  return parts;
}

/// Keys mode and ops.
BlockParts read_parts(MapReader& map) {
  const Recompute mode = read_enum(map.required_node("mode"), kRecomputeNames);
  const std::optional<ConfigNode> ops = map.find_node("ops");
  if (!ops) return BlockParts(mode);
  if (mode != Recompute::selective)
    ops->fail(fmt::format("means nothing with mode {}", enum_name(kRecomputeNames, mode)),
              "remove it or set mode to selective");
  return read_ops(*ops);
}

RecomputeRange read_blocks(const ConfigNode& node, int64_t n_layer) {
  const std::string text = node.as<std::string>();
  const std::size_t dash = text.find('-');
  const auto first = parse_digits(text.substr(0, dash));
  const auto last = dash == std::string::npos ? first : parse_digits(text.substr(dash + 1));
  if (!first || !last) node.fail("must be the first and last block, as 0-7, or one block");
  if (*first > *last) node.fail("ends before it begins", "write the lower block first");
  if (*last >= n_layer) node.fail(fmt::format("the model has blocks 0 to {}", n_layer - 1));
  return {*first, *last, {}};
}

void check_disjoint(const ConfigNode& blocks, const RecomputeRange& range,
                    const std::vector<RecomputeRange>& before) {
  for (const RecomputeRange& other : before) {
    if (range.first <= other.last && other.first <= range.last)
      blocks.fail(fmt::format("overlaps blocks {} above", blocks_text(other)),
                  "name every block once");
  }
}

RecomputePlan read_ranges(const ConfigNode& node, int64_t n_layer) {
  std::vector<RecomputeRange> ranges;
  for (const ConfigNode& item : node.items()) {
    MapReader map(item);
    const ConfigNode blocks = map.required_node("blocks");
    RecomputeRange range = read_blocks(blocks, n_layer);
    check_disjoint(blocks, range, ranges);
    range.parts = read_parts(map);
    map.finish();
    ranges.push_back(range);
  }
  if (ranges.empty()) node.fail("must name at least one range of blocks", "write none");
  return RecomputePlan(std::move(ranges));
}

/// Every selective set but the full one needs its ops.
std::vector<std::string> ops_to_write(BlockParts parts) {
  std::vector<std::string> ops;
  if (parts == BlockParts(parts.mode())) return ops;
  for (const auto& name : kRecomputeOpNames)
    if (parts.has(name.value)) ops.emplace_back(name.name);
  return ops;
}

void write_parts(YamlWriter& writer, BlockParts parts) {
  writer.entry("mode", enum_name(kRecomputeNames, parts.mode()));
  const std::vector<std::string> ops = ops_to_write(parts);
  if (!ops.empty()) writer.entry("ops", ops);
}

void write_all_blocks(YamlWriter& writer, BlockParts parts) {
  if (ops_to_write(parts).empty()) {
    writer.entry("recompute", enum_name(kRecomputeNames, parts.mode()));
    return;
  }
  writer.begin_map("recompute");
  write_parts(writer, parts);
  writer.end_map();
}

}  // namespace

RecomputePlan read_recompute(const ConfigNode& node, int64_t n_layer) {
  if (node.is_sequence()) return read_ranges(node, n_layer);
  if (!node.is_map()) return read_enum(node, kRecomputeNames);
  MapReader map(node);
  const BlockParts parts = read_parts(map);
  map.finish();
  return parts;
}

void write_recompute(YamlWriter& writer, const RecomputePlan& plan) {
  if (plan.is_uniform()) return write_all_blocks(writer, plan.parts(0));
  writer.begin_list("recompute");
  for (const RecomputeRange& range : plan.given_ranges()) {
    writer.begin_item().entry("blocks", blocks_text(range));
    write_parts(writer, range.parts);
    writer.end_map();
  }
  writer.end_list();
}

}  // namespace isoflop
