// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/enum_names.hpp"
#include "core/base/yaml_writer.hpp"
#include "core/parallel/optimizer_state.hpp"

#include <array>
#include <cstdint>

namespace isoflop {

inline constexpr std::array kOptimizerKindNames = {
    EnumName{OptimizerKind::adamw, "adamw"},
    EnumName{OptimizerKind::muon, "muon"},
};

/// optimizer: AdamW (arXiv:1711.05101), or Muon for the hidden matrices and AdamW for the rest,
/// both with lr and weight_decay (the update scale of arXiv:2502.16982). Decay applies to matrices,
/// not to vectors and embeddings.
struct OptimizerConfig {
  double lr = 0;  ///< peak
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.1;
  double grad_clip = 1.0;  ///< global norm; 0 turns clipping off
  OptimizerKind kind = OptimizerKind::adamw;
  double momentum = 0.95;  ///< kind muon
  bool nesterov = true;    ///< kind muon
  int64_t iterations = 5;  ///< kind muon: of Newton-Schulz

  bool operator==(const OptimizerConfig&) const = default;
};

/// Keys of another kind are refused rather than ignored. Throws ConfigError.
OptimizerConfig read_optimizer(const ConfigNode& node);

/// The section as read_optimizer reads it back equal.
void write_optimizer(YamlWriter& writer, const OptimizerConfig& optimizer);

}  // namespace isoflop
