// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"
#include "core/hardware/precision.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// What the commands about models say of their options alike.
inline constexpr const char* kModelHelp =
    "Model file (YAML, JSON, Hugging Face config.json) or a name in configs/models";

/// "causal (default), full-square, ...".
std::string formula_help();

/// Throws ConfigError for anything but bf16, fp16, tf32 and fp32, with the nearest.
Precision training_precision(const std::string& text);

/// Any precision of the six that the GPU has a dense peak for; without one given, bf16, else fp16,
/// else fp32. Throws ConfigError.
Precision peak_precision(const DeviceSpec& gpu, const std::optional<std::string>& text);

}  // namespace isoflop
