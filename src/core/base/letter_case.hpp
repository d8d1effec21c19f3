// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

/// Letters of ASCII; others stay as they are, whatever the locale.
namespace isoflop {

constexpr char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr char upper_case(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

}  // namespace isoflop
