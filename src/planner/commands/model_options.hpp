// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"

#include <string>

namespace isoflop {

/// What the commands about models say of their options alike.
inline constexpr const char* kModelHelp =
    "Model file (YAML, JSON, Hugging Face config.json) or a name in configs/models";

/// "causal (default), full-square, ...".
std::string formula_help();

/// Throws ConfigError for anything but bf16, fp16, tf32 and fp32, with the nearest.
Precision training_precision(const std::string& text);

}  // namespace isoflop
