// SPDX-License-Identifier: MIT
#include "core/plan/health_config.hpp"

#include "core/plan/config_values.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// Below twice the median every second slow step would end the run.
double read_stall_factor(MapReader& map, double fallback) {
  const double factor = not_negative(map, "stall_factor", fallback);
  if (factor > 0 && factor < 2)
    map.required_node("stall_factor")
        .fail("must be 0 or at least 2", fmt::format("{} is the default", fallback));
  return factor;
}

double read_seconds(MapReader& map, const std::string& key, double fallback) {
  return map.find_positive(key).value_or(fallback);
}

}  // namespace

HealthConfig read_health(const ConfigNode& node) {
  MapReader map(node);
  HealthConfig health;
  health.stall_factor = read_stall_factor(map, health.stall_factor);
  health.stall_min_s = read_seconds(map, "stall_min_s", health.stall_min_s);
  health.pause_limit_s = read_seconds(map, "pause_limit_s", health.pause_limit_s);
  health.spike_sigma = not_negative(map, "spike_sigma", health.spike_sigma);
  map.finish();
  return health;
}

void write_health(YamlWriter& writer, const HealthConfig& health) {
  writer.begin_map("health")
      .entry("stall_factor", health.stall_factor, "median steps; 0: no watchdog")
      .entry("stall_min_s", health.stall_min_s, "at least")
      .entry("pause_limit_s", health.pause_limit_s,
             "at least, for first steps, evaluations, checkpoints")
      .entry("spike_sigma", health.spike_sigma, "deviations above the running mean; 0: none")
      .end_map();
}

}  // namespace isoflop
