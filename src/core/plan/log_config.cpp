// SPDX-License-Identifier: MIT
#include "core/plan/log_config.hpp"

namespace isoflop {

LogConfig read_log(const ConfigNode& node) {
  MapReader map(node);
  LogConfig log;
  log.json = map.value_or("json", log.json);
  if (const auto progress = map.find_node("progress"))
    log.progress = read_enum(*progress, kProgressDisplayNames);
  map.finish();
  return log;
}

void write_log(YamlWriter& writer, const LogConfig& log) {
  writer.begin_map("log")
      .entry("json", log.json)
      .entry("progress", enum_name(kProgressDisplayNames, log.progress))
      .end_map();
}

}  // namespace isoflop
