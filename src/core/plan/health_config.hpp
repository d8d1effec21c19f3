// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/yaml_writer.hpp"

namespace isoflop {

/// health: when a run is ended because it stands still, and what is called a spike of the loss.
struct HealthConfig {
  /// A phase of a step may last so many median steps; 0: no watchdog.
  double stall_factor = 10;
  double stall_min_s = 600;  ///< or so long, if that is more
  /// Likewise for the start, first steps, evaluations, checkpoints, the steps after them, the end.
  double pause_limit_s = 1800;
  double spike_sigma = 6;  ///< deviations above the running mean; 0: no spikes

  bool operator==(const HealthConfig&) const = default;
};

/// Throws ConfigError.
HealthConfig read_health(const ConfigNode& node);

/// The section as read_health reads it back equal.
void write_health(YamlWriter& writer, const HealthConfig& health);

}  // namespace isoflop
