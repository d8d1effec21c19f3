// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "planner/sweep/sweep_design.hpp"

#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// Each "KEY=VALUE,VALUE" of the command line. Throws ConfigError for a key that no training has
/// (with the nearest one), one that the sweep itself decides, one given twice and for fewer than
/// two values.
std::vector<VariedKey> read_varied_keys(const std::vector<std::string>& texts);

/// The configuration with these values; keys that follow from a varied one (the biases from
/// model.bias, d_ff from ffn_type, rope_theta from position_encoding ...) take their defaults.
/// Throws ConfigError for values that it cannot have.
TrainConfig with_settings(const TrainConfig& config,
                          const std::vector<std::pair<std::string, std::string>>& settings);

}  // namespace isoflop
