// SPDX-License-Identifier: MIT
#include "core/base/jsonc.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

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

}  // namespace

std::string json_to_yaml(std::string_view text, const std::string& name) {
  check_json(text, name);
  std::string yaml(text);
  for (std::size_t at = 0; at < yaml.size();) {
    if (yaml[at] == '\t' || yaml[at] == '\r') yaml[at] = ' ';
    if (yaml[at] != '"' && !starts_comment(yaml, at)) {
      ++at;
      continue;
    }
    const std::size_t end = end_of_token(yaml, at);
    if (yaml[at] == '/') {
      std::replace_if(
          yaml.begin() + static_cast<std::ptrdiff_t>(at),
          yaml.begin() + static_cast<std::ptrdiff_t>(end), [](char c) { return c != '\n'; }, ' ');
    }
    at = end;
  }
  return yaml;
}

}  // namespace isoflop
