// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/yaml_writer.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace isoflop {

/// checkpoint: when the training state is saved, where, and what a start goes on from.
struct CheckpointConfig {
  double interval_minutes = 30;  ///< between two; 0: not by time
  int64_t interval = 0;          ///< steps between two; 0: not by steps
  bool at_end = true;            ///< when the run is done or asked to stop
  int64_t keep = 2;              ///< the newest so many are kept
  /// One is taken at its multiples, or when the one before is written, and kept for ever; 0: none.
  int64_t milestone_interval = 0;
  std::filesystem::path folder = {};  ///< empty: <run.out>/<run.name>.checkpoints
  /// Whether files are written beside training, from a copy of the state in host memory. Absent: on
  /// GPUs. On CPUs the copy takes memory that training could use.
  std::optional<bool> asynchronous = std::nullopt;
  bool resume = true;               ///< go on from the newest checkpoint of this run
  std::filesystem::path from = {};  ///< a checkpoint of another run that a new run begins with

  bool by_time() const { return interval_minutes > 0; }
  /// Whether any is taken before the run ends.
  bool on_the_way() const { return by_time() || interval > 0 || milestone_interval > 0; }
  /// What `asynchronous` comes to.
  bool is_asynchronous(bool on_gpu) const { return asynchronous.value_or(on_gpu); }

  bool operator==(const CheckpointConfig&) const = default;
};

/// Whether a multiple of `interval` lies behind step `before` and not behind `step`; never of 0.
inline bool passes_multiple(int64_t interval, int64_t before, int64_t step) {
  return interval > 0 && step / interval > before / interval;
}

/// Throws ConfigError.
CheckpointConfig read_checkpoint(const ConfigNode& node);

/// The section as read_checkpoint reads it back equal.
void write_checkpoint(YamlWriter& writer, const CheckpointConfig& checkpoint);

}  // namespace isoflop
