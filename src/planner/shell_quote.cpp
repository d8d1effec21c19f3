// SPDX-License-Identifier: MIT
#include "planner/shell_quote.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace isoflop {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_plain(const std::string& text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,=-";
  return !text.empty() && text.find_first_not_of(kPlain) == std::string::npos;
}

}  // namespace

std::string shell_quote(const std::string& text) {
  if (is_plain(text)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string sbatch_quote(const std::string& text, const std::string& what) {
  if (std::any_of(text.begin(), text.end(), is_control)) {
    throw ConfigError(
        fmt::format("{} holds a line break or control character (a job script's "
                    "option is one line); remove it",
                    what));
  }
  if (is_plain(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string comment_text(std::string text) {
  std::replace_if(text.begin(), text.end(), is_control, ' ');
  return text;
}

}  // namespace isoflop
