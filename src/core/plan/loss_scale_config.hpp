// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/yaml_writer.hpp"

#include <cstdint>

namespace isoflop {

/// loss_scale: dynamic loss scaling of precision fp16 (Micikevicius et al., arXiv:1710.03740,
/// section 3.2): halved by a step whose gradients overflow, which is skipped; doubled after
/// growth_interval steps in a row without.
struct LossScaleConfig {
  double initial = 65536;  ///< a power of two, so that scaling rounds nothing
  int64_t growth_interval = 2000;

  bool operator==(const LossScaleConfig&) const = default;
};

/// Throws ConfigError.
LossScaleConfig read_loss_scale(const ConfigNode& node);

/// The section as read_loss_scale reads it back equal.
void write_loss_scale(YamlWriter& writer, const LossScaleConfig& loss_scale);

}  // namespace isoflop
