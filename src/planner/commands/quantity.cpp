// SPDX-License-Identifier: MIT
#include "planner/commands/quantity.hpp"

#include "core/base/error.hpp"
#include "core/base/letter_case.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

namespace isoflop {
namespace {

std::optional<double> unit_of(std::string_view suffix) {
  static const std::map<char, double> units = {
      {'k', 1e3}, {'m', 1e6}, {'b', 1e9}, {'g', 1e9}, {'t', 1e12}};
  if (suffix.empty()) return 1;
  const auto unit = units.find(lower_case(suffix.front()));
  return suffix.size() == 1 && unit != units.end() ? std::optional(unit->second) : std::nullopt;
}

}  // namespace

double parse_quantity(const std::string& option, const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const std::optional<double> unit = unit_of({stop, static_cast<std::size_t>(end - stop)});
  if (error != std::errc{} || !unit || !(number > 0) || !std::isfinite(number * *unit))
    throw ConfigError(fmt::format(
        "{} is '{}' (must be a number above 0); write for example 1e23, 7B or 1.4T", option, text));
  return number * *unit;
}

}  // namespace isoflop
