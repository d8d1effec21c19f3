// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Values with bounds, as the sections of a training configuration need them. All throw ConfigError
/// with file, line, key and value.
namespace isoflop {

/// Sizes stay below 2^31, so that their products stay in 64-bit integers.
inline constexpr int64_t kMaxExtent = INT32_MAX;

/// A size: 1 .. kMaxExtent.
int64_t required_extent(MapReader& map, const std::string& key);

/// `value_or` with a lower bound.
int64_t at_least(MapReader& map, const std::string& key, int64_t minimum, int64_t fallback);

/// A number in [low, high), or [low, high] when `closed`; low is 0.
enum class UpperEnd { open, closed };
double in_range(MapReader& map, const std::string& key, double fallback, double high, UpperEnd end);

/// Fails with `problem` where a key is given that another choice makes meaningless; says besides
/// how the command line removes it.
void refuse(MapReader& map, const std::string& key, const std::string& problem,
            const std::string& remedy);

/// A number of decimal digits alone; absent for other texts and what does not fit.
std::optional<int64_t> parse_digits(std::string_view text);

double not_negative(MapReader& map, const std::string& key, double fallback);

}  // namespace isoflop
