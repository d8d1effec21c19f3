// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isoflop {

/// A field of one line of JSON, or why there is none.
struct JsonText {
  std::string text;
  std::string problem;  ///< empty when `text` is the field's; else as in "has no field 'text'"
};

/// The string under `field` of the object that `json` is. All of the JSON is checked.
JsonText read_json_text(std::string_view json, const std::string& field);

/// The entries of one object of integers. Throws ConfigError naming `name` (a file) for anything
/// else.
std::vector<std::pair<std::string, int64_t>> read_json_integers(std::string_view json,
                                                                const std::string& name);

}  // namespace isoflop
