// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Without blanks at both ends.
std::string trimmed(std::string_view text);
/// Between separators; at least one part.
std::vector<std::string> split(std::string_view text, char separator);
/// Between commas that stand outside of (), [] and {}; trimmed, without empty parts.
std::vector<std::string> split_list(std::string_view text);
/// The number that the text begins with ("2063000", "96+", "1.5G"); absent without one.
std::optional<double> leading_number(std::string_view text);

}  // namespace isoflop
