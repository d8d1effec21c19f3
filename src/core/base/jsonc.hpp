// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace isoflop {

/// Checks JSON with comments strictly and returns the same text as YAML with every line where it
/// was: comments and tabs become spaces. Throws ConfigError "name:line: does not parse as JSON
/// ...".
std::string json_to_yaml(std::string_view text, const std::string& name);

}  // namespace isoflop
