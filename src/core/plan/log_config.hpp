// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/enum_names.hpp"
#include "core/base/yaml_writer.hpp"

#include <array>

namespace isoflop {

/// Whether a progress bar stands below the log. automatic: where the log goes to a terminal that
/// can draw a line again.
enum class ProgressDisplay { automatic, on, off };
inline constexpr std::array kProgressDisplayNames = {
    EnumName{ProgressDisplay::automatic, "auto"},
    EnumName{ProgressDisplay::on, "on"},
    EnumName{ProgressDisplay::off, "off"},
};

/// log: what is told of a run beside its run file.
struct LogConfig {
  bool json = false;  ///< the JSON log <run.out>/<run.name>.json when a start ends
  ProgressDisplay progress = ProgressDisplay::automatic;

  bool operator==(const LogConfig&) const = default;
};

/// Throws ConfigError.
LogConfig read_log(const ConfigNode& node);

/// The section as read_log reads it back equal.
void write_log(YamlWriter& writer, const LogConfig& log);

}  // namespace isoflop
