// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Number format of a matrix product. fp32 means the full-precision units, tf32 the tensor cores
/// fed with fp32 data.
enum class Precision { fp32, tf32, bf16, fp16, fp8, fp4 };

inline constexpr std::array kPrecisions = {Precision::fp32, Precision::tf32, Precision::bf16,
                                           Precision::fp16, Precision::fp8,  Precision::fp4};

/// "bf16".
std::string to_string(Precision precision);
/// Absent for anything but the six names.
std::optional<Precision> parse_precision(std::string_view text);
/// The six names, for messages.
std::vector<std::string> precision_names();

}  // namespace isoflop
