// SPDX-License-Identifier: MIT
#include "core/hardware/slurm_time.hpp"

#include "core/base/letter_case.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {
namespace {

constexpr const char* kRemedy = "write 24:00:00, 1-00:00:00, 24h, minutes or unlimited";

/// A number without sign; whole only, unless `fraction` is allowed.
std::optional<double> parse_unsigned(std::string_view text, bool fraction = false) {
  const std::string_view allowed = fraction ? "0123456789." : "0123456789";
  if (text.find_first_not_of(allowed) != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && stop == text.data() + text.size() ? std::optional(value)
                                                                   : std::nullopt;
}

/// "24h", "1.5 h", "30min"; a number alone is in minutes.
std::optional<double> seconds_with_unit(std::string_view text) {
  static const std::map<std::string_view, double> units = {{"d", 86400}, {"h", 3600}, {"", 60},
                                                           {"m", 60},    {"min", 60}, {"s", 1}};
  const std::size_t number_end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::size_t unit_begin = std::min(text.find_first_not_of(' ', number_end), text.size());
  const std::optional<double> number = parse_unsigned(text.substr(0, number_end), true);
  const auto unit = units.find(text.substr(unit_begin));
  return number && unit != units.end() ? std::optional(*number * unit->second) : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// "H", "H:M" and "H:M:S"; minutes and seconds below 60.
std::optional<double> seconds_of_clock(std::string_view text) {
  const std::vector<std::string_view> fields = split(text, ':');
  if (fields.size() > 3) return std::nullopt;
  double seconds = 0;
  double unit = 3600;
  for (const std::string_view field : fields) {
    const std::optional<double> value = parse_unsigned(field);
    if (!value || (unit < 3600 && *value >= 60)) return std::nullopt;
    seconds += *value * unit;
    unit /= 60;
  }
  return seconds;
}

/// Absent when the text is in none of the forms.
std::optional<double> seconds_of(std::string_view text) {
  const std::vector<std::string_view> day_and_clock = split(text, '-');
  if (day_and_clock.size() == 2) {
    const std::optional<double> days = parse_unsigned(day_and_clock[0]);
    const std::optional<double> rest = seconds_of_clock(day_and_clock[1]);
    return days && rest ? std::optional(*days * 86400 + *rest) : std::nullopt;
  }
  return text.find(':') == std::string_view::npos ? seconds_with_unit(text)
                                                  : seconds_of_clock(text);
}

}  // namespace

std::optional<double> parse_time_limit_s(const ConfigNode& node) {
  const std::string text = lower_case(node.as<std::string>());
  if (text == "unlimited" || text == "infinite") return std::nullopt;
  if (std::count(text.begin(), text.end(), ':') == 1 && text.find('-') == std::string::npos)
    node.fail("Slurm reads two fields as minutes:seconds", "add :00 if you mean hours and minutes");
  const std::optional<double> seconds = seconds_of(text);
  if (!seconds) node.fail("is not a time limit", kRemedy);
  if (*seconds <= 0) node.fail("must be above zero", kRemedy);
  return seconds;
}

}  // namespace isoflop
