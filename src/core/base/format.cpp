// SPDX-License-Identifier: MIT
#include "core/base/format.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <string_view>

namespace isoflop {
namespace {

/// Three significant digits of a value below 1000.
std::string three_digits(double value) {
  const double magnitude = std::fabs(value);
  if (magnitude >= 99.95) return fmt::format("{:.0f}", value);
  if (magnitude >= 9.995) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

template <std::size_t N>
std::string scaled(double value, double base, const std::array<std::string_view, N>& units) {
  std::size_t unit = 0;
  while (unit + 1 < N && std::fabs(value) >= base * 0.9995) {
    value /= base;
    ++unit;
  }
  const std::string digits = (unit == 0 && value == std::floor(value))
                                 ? fmt::format("{:.0f}", value)
                                 : three_digits(value);
  return units[unit].empty() ? digits : fmt::format("{} {}", digits, units[unit]);
}

}  // namespace

std::string format_count(double count) {
  return scaled(count, 1000.0, std::array<std::string_view, 5>{"", "k", "M", "B", "T"});
}

std::string format_scientific(double value) {
  if (value == 0.0) return "0";
  const std::string text = fmt::format("{:.2e}", value);  // 1.50e+18
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;  // inf, nan
  return fmt::format("{}e{}", text.substr(0, e), std::stoi(text.substr(e + 1)));
}

std::string format_bytes(double bytes) {
  return scaled(bytes, 1024.0,
                std::array<std::string_view, 6>{"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string format_duration(double seconds) {
  if (seconds < 0) return "-" + format_duration(-seconds);
  if (seconds == 0) return "0 s";
  // Each limit is where three digits would round up to the next unit.
  if (seconds < 0.9995e-3) return three_digits(seconds * 1e6) + " us";
  if (seconds < 0.9995) return three_digits(seconds * 1e3) + " ms";
  if (seconds < 59.95) return three_digits(seconds) + " s";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  const int64_t minutes = (whole + 30) / 60;
  return fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

std::string format_grouped(int64_t value) {
  std::string digits = std::to_string(value);
  const std::size_t first = digits[0] == '-' ? 1 : 0;
  for (std::size_t position = digits.size(); position > first + 3;) {
    position -= 3;
    digits.insert(position, ",");
  }
  return digits;
}

std::string format_percent(double fraction, int decimals) {
  return fmt::format("{:.{}f} %", fraction * 100.0, decimals);
}

std::string format_slurm_time(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  const std::string clock =
      fmt::format("{:02}:{:02}:{:02}", whole / 3600 % 24, whole / 60 % 60, whole % 60);
  return whole >= 86400 ? fmt::format("{}-{}", whole / 86400, clock) : clock;
}

std::string utc_timestamp() { return utc_timestamp(std::time(nullptr)); }

std::string utc_timestamp(int64_t unix_s) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(unix_s)));
}

}  // namespace isoflop
