// SPDX-License-Identifier: MIT
#include "core/hardware/slurm_time.hpp"

#include <algorithm>
#include <cctype>
#include <regex>
#include <string>

namespace isoflop {
namespace {

constexpr const char* kRemedy = "write 24:00:00, 1-00:00:00, 24h, minutes or unlimited";

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

double seconds_of_unit(char unit) {
  switch (unit) {
    case 'd':
      return 86400;
    case 'h':
      return 3600;
    case 's':
      return 1;
    default:
      return 60;
  }
}

double number_or_zero(const std::ssub_match& digits) {
  return digits.matched ? std::stod(digits.str()) : 0.0;
}

/// Absent when the text is in none of the forms.
std::optional<double> seconds_of(const std::string& text) {
  static const std::regex with_unit("([0-9]+(?:[.][0-9]+)?) *(d|h|m|min|s)?");
  static const std::regex clock("([0-9]+):([0-5]?[0-9]):([0-5]?[0-9])");
  static const std::regex with_days("([0-9]+)-([0-9]+)(?::([0-5]?[0-9])(?::([0-5]?[0-9]))?)?");
  std::smatch match;
  if (std::regex_match(text, match, with_unit))
    return std::stod(match[1]) * seconds_of_unit(match[2].matched ? *match[2].first : 'm');
  if (std::regex_match(text, match, clock))
    return std::stod(match[1]) * 3600 + std::stod(match[2]) * 60 + std::stod(match[3]);
  if (std::regex_match(text, match, with_days))
    return std::stod(match[1]) * 86400 + std::stod(match[2]) * 3600 +
           number_or_zero(match[3]) * 60 + number_or_zero(match[4]);
  return std::nullopt;
}

}  // namespace

std::optional<double> parse_time_limit_s(const ConfigNode& node) {
  const std::string text = lower_case(node.as<std::string>());
  if (text == "unlimited" || text == "infinite") return std::nullopt;
  static const std::regex two_fields("[0-9]+:[0-9]+");
  if (std::regex_match(text, two_fields))
    node.fail("Slurm reads two fields as minutes:seconds", "add :00 if you mean hours and minutes");
  const std::optional<double> seconds = seconds_of(text);
  if (!seconds) node.fail("is not a time limit", kRemedy);
  if (*seconds <= 0) node.fail("must be above zero", kRemedy);
  return seconds;
}

}  // namespace isoflop
