// SPDX-License-Identifier: MIT
#include "core/hardware/gres.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace isoflop {
namespace {

std::string without_parentheses(std::string_view text) {
  std::string result;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (depth == 0) result += c;
    if (c == ')' && depth > 0) --depth;
  }
  return result;
}

bool consume_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int parse_count(std::string_view digits, std::string_view whole) {
  int count = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc{} || stop != digits.data() + digits.size() || count < 1)
    throw ConfigError(
        fmt::format("GRES '{}' (its count '{}' is not a positive number); write gpu:TYPE:COUNT",
                    whole, digits));
  return count;
}

}  // namespace

std::optional<Gres> parse_gres(std::string_view text) {
  std::string plain = without_parentheses(text);
  std::replace(plain.begin(), plain.end(), '=', ':');
  std::string_view rest = plain;
  if (!consume_prefix(rest, "gres/")) consume_prefix(rest, "gres:");
  if (!consume_prefix(rest, "gpu:")) return std::nullopt;
  if (rest.find(',') != std::string_view::npos)
    throw ConfigError(fmt::format(
        "GRES '{}' (lists several resources); describe each kind of GPU as a partition", text));
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) {
    if (is_number(rest)) return Gres{std::nullopt, parse_count(rest, text)};
    return Gres{std::string(rest), std::nullopt};
  }
  const std::string_view type = rest.substr(0, colon);
  return Gres{type.empty() ? std::nullopt : std::optional<std::string>(type),
              parse_count(rest.substr(colon + 1), text)};
}

}  // namespace isoflop
