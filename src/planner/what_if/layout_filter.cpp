// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_filter.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <vector>

namespace isoflop {

namespace {

struct Number {
  std::string_view key;
  std::optional<int64_t> LayoutFilter::*field;
};
constexpr std::array kNumbers = {
    Number{"tensor", &LayoutFilter::tensor},           Number{"context", &LayoutFilter::context},
    Number{"pipeline", &LayoutFilter::pipeline},       Number{"data", &LayoutFilter::data},
    Number{"experts", &LayoutFilter::experts},         Number{"chunks", &LayoutFilter::chunks},
    Number{"micro_batch", &LayoutFilter::micro_batch},
};

int64_t parse_number(const std::string& key, const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && value > 0) return value;
  throw ConfigError(fmt::format("--only {} is '{}' (must be a whole number above 0)", key, text));
}

template <typename Rows>
auto value_named(const std::string& key, const std::string& text, const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) {
    if (row.name == text) return row.value;
    names.emplace_back(row.name);
  }
  throw ConfigError(fmt::format("--only {} is '{}'{}; use {}", key, text, did_you_mean(text, names),
                                fmt::join(names, ", ")));
}

[[noreturn]] void refuse_key(const std::string& key) {
  std::vector<std::string> keys = {"states", "recompute"};
  for (const Number& number : kNumbers) keys.emplace_back(number.key);
  throw ConfigError(fmt::format("--only has '{}'{}; use {}", key, did_you_mean(key, keys),
                                fmt::join(keys, ", ")));
}

void read_entry(LayoutFilter& filter, const std::string& entry) {
  const std::size_t equals = entry.find('=');
  const std::string key = entry.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : entry.substr(equals + 1);
  for (const Number& number : kNumbers)
    if (number.key == key) {
      filter.*number.field = parse_number(key, value);
      return;
    }
  if (key == "states") {
    filter.states = value_named(key, value, kStrategyNames);
  } else if (key == "recompute") {
    filter.recompute = value_named(key, value, kRecomputeNames);
  } else {
    refuse_key(key);
  }
}

}  // namespace

LayoutFilter parse_layout_filter(const std::string& text) {
  LayoutFilter filter;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    read_entry(filter, text.substr(begin, end - begin));
    begin = end + 1;
  }
  return filter;
}

}  // namespace isoflop
