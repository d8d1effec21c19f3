// SPDX-License-Identifier: MIT
#include "core/plan/checkpoint_config.hpp"

#include "core/plan/config_values.hpp"

namespace isoflop {

CheckpointConfig read_checkpoint(const ConfigNode& node) {
  MapReader map(node);
  CheckpointConfig checkpoint;
  checkpoint.interval_minutes = not_negative(map, "interval_minutes", checkpoint.interval_minutes);
  checkpoint.interval = at_least(map, "interval", 0, checkpoint.interval);
  checkpoint.at_end = map.value_or("at_end", checkpoint.at_end);
  checkpoint.keep = at_least(map, "keep", 1, checkpoint.keep);
  checkpoint.milestone_interval =
      at_least(map, "milestone_interval", 0, checkpoint.milestone_interval);
  checkpoint.folder = map.value_or<std::filesystem::path>("folder", {});
  checkpoint.asynchronous = map.find<bool>("asynchronous");
  checkpoint.resume = map.value_or("resume", checkpoint.resume);
  checkpoint.from = map.value_or<std::filesystem::path>("from", {});
  map.finish();
  return checkpoint;
}

void write_checkpoint(YamlWriter& writer, const CheckpointConfig& checkpoint) {
  writer.begin_map("checkpoint")
      .entry("interval_minutes", checkpoint.interval_minutes, "0: not by time")
      .entry("interval", checkpoint.interval, "steps; 0: not by steps")
      .entry("at_end", checkpoint.at_end)
      .entry("keep", checkpoint.keep, "newest")
      .entry("milestone_interval", checkpoint.milestone_interval, "steps; kept for ever; 0: none");
  if (!checkpoint.folder.empty()) writer.entry("folder", checkpoint.folder.string());
  if (checkpoint.asynchronous) writer.entry("asynchronous", *checkpoint.asynchronous);
  writer.entry("resume", checkpoint.resume);
  if (!checkpoint.from.empty()) writer.entry("from", checkpoint.from.string());
  writer.end_map();
}

}  // namespace isoflop
