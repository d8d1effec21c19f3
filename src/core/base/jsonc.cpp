// SPDX-License-Identifier: MIT
#include "core/base/jsonc.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace isoflop {
namespace {

void check_json(std::string_view text, const std::string& name) {
  try {
    const auto parsed = nlohmann::json::parse(text, nullptr, true, /*ignore_comments=*/true);
    static_cast<void>(parsed);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t offset = std::min<std::size_t>(error.byte, text.size());
    const auto line =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n') + 1;
    throw ConfigError(fmt::format(
        "{}:{}: does not parse as JSON; check commas, quotes and brackets near that line", name,
        line));
  }
}

/// The position just after the string literal, // comment or /* comment */ that starts at `start`.
std::size_t end_of_token(std::string_view text, std::size_t start) {
  if (text[start] == '"') {
    std::size_t end = start + 1;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    return std::min(end + 1, text.size());
  }
  const bool line_comment = text[start + 1] == '/';
  const std::size_t end = line_comment ? text.find('\n', start) : text.find("*/", start + 2);
  if (end == std::string_view::npos) return text.size();
  return line_comment ? end : end + 2;
}

bool starts_comment(std::string_view text, std::size_t at) {
  return text[at] == '/' && at + 1 < text.size() && (text[at + 1] == '/' || text[at + 1] == '*');
}

/// The comment as spaces on the same lines.
std::string blank(std::string_view comment) {
  std::string spaces(comment);
  std::replace_if(
      spaces.begin(), spaces.end(), [](char c) { return c != '\n'; }, ' ');
  return spaces;
}

/// YAML does not indent by tabs.
std::string space_for(char c) { return {c == '\t' || c == '\r' ? ' ' : c}; }

uint32_t hex_digits(std::string_view digits) {
  uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

/// A JSON string as a YAML one: a character beyond the basic plane, which JSON escapes as two
/// surrogates, becomes one "\U0001f600". check_json() has seen that surrogates come in pairs.
std::string string_to_yaml(std::string_view token) {
  std::string yaml;
  for (std::size_t at = 0; at < token.size();) {
    const bool is_unicode = token.substr(at).starts_with("\\u");
    const uint32_t unit = is_unicode ? hex_digits(token.substr(at + 2, 4)) : 0;
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const uint32_t low = hex_digits(token.substr(at + 8, 4));
      yaml += fmt::format("\\U{:08x}", 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
      at += 12;
      continue;
    }
    const std::size_t length = token[at] == '\\' ? 2 : 1;
    yaml += token.substr(at, length);
    at += length;
  }
  return yaml;
}

}  // namespace

std::string json_to_yaml(std::string_view text, const std::string& name) {
  check_json(text, name);
  std::string yaml;
  for (std::size_t at = 0; at < text.size();) {
    const bool is_token = text[at] == '"' || starts_comment(text, at);
    const std::size_t end = is_token ? end_of_token(text, at) : at + 1;
    const std::string_view token = text.substr(at, end - at);
    yaml += text[at] == '"' ? string_to_yaml(token) : is_token ? blank(token) : space_for(text[at]);
    at = end;
  }
  return yaml;
}

}  // namespace isoflop
