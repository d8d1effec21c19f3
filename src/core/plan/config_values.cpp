// SPDX-License-Identifier: MIT
#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace isoflop {

int64_t required_extent(MapReader& map, const std::string& key) {
  const int64_t value = map.required_at_least(key, 1);
  if (value > kMaxExtent)
    map.required_node(key).fail(fmt::format("must be at most {}", kMaxExtent));
  return value;
}

int64_t at_least(MapReader& map, const std::string& key, int64_t minimum, int64_t fallback) {
  return map.find_node(key) ? map.required_at_least(key, minimum) : fallback;
}

double in_range(MapReader& map, const std::string& key, double fallback, double high,
                UpperEnd end) {
  const std::optional<ConfigNode> node = map.find_node(key);
  if (!node) return fallback;
  const double value = node->as<double>();
  const bool too_high = end == UpperEnd::open ? value >= high : value > high;
  if (value < 0 || too_high)
    node->fail(fmt::format("must be at least 0 and {} {}",
                           end == UpperEnd::open ? "below" : "at most", high));
  return value;
}

void refuse(MapReader& map, const std::string& key, const std::string& problem,
            const std::string& remedy) {
  if (const std::optional<ConfigNode> node = map.find_node(key))
    node->fail(problem, fmt::format("{} (--set {}=null removes it)", remedy, node->key_path()));
}

double not_negative(MapReader& map, const std::string& key, double fallback) {
  const std::optional<ConfigNode> node = map.find_node(key);
  if (!node) return fallback;
  const double value = node->as<double>();
  if (value < 0) node->fail("must not be negative");
  return value;
}

std::optional<int64_t> parse_digits(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

}  // namespace isoflop
