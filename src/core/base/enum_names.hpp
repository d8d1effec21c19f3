// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace isoflop {

/// One enumerator and the word that stands for it in configuration files.
template <typename Enum>
struct EnumName {
  Enum value;
  std::string_view name;
};

/// The row of a table (any rows with a `name`) that a configuration value names. Throws ConfigError
/// that lists the words allowed.
template <typename Rows>
const auto& read_row(const ConfigNode& node, const Rows& rows) {
  const std::string word = node.as<std::string>();
  std::string allowed;
  for (const auto& row : rows) {
    if (row.name == word) return row;
    allowed += (allowed.empty() ? "" : ", ") + std::string(row.name);
  }
  node.fail("must be one of " + allowed);
}

/// The word for `value`. Throws std::logic_error when the table lacks it: a defect of the table.
template <typename Enum, std::size_t N>
std::string enum_name(const std::array<EnumName<Enum>, N>& names, Enum value) {
  for (const EnumName<Enum>& entry : names) {
    if (entry.value == value) return std::string(entry.name);
  }
  throw std::logic_error("an enumerator has no name in its table");
}

/// The enumerator a configuration value names, of a table whose rows have a `value` too. Throws
/// ConfigError that lists the words allowed.
template <typename Rows>
auto read_enum(const ConfigNode& node, const Rows& rows) {
  return read_row(node, rows).value;
}

}  // namespace isoflop
