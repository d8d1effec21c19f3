// SPDX-License-Identifier: MIT
#include "core/base/config_json.hpp"

#include <charconv>
#include <cmath>
#include <optional>

namespace isoflop {
namespace {

template <typename Number>
std::optional<Number> parse_all(const std::string& text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

void write_scalar(JsonWriter& json, const ConfigNode& node) {
  const std::string text = node.text();
  if (node.is_quoted()) {
    json.value(text);
  } else if (const auto whole = parse_all<int64_t>(text)) {
    json.value(*whole);
  } else if (const auto number = parse_all<double>(text); number && std::isfinite(*number)) {
    json.value(*number);
  } else if (text == "true" || text == "false") {
    json.value(text == "true");
  } else {
    json.value(text);
  }
}

}  // namespace

void write_json(JsonWriter& json, const ConfigNode& node) {
  if (node.is_map()) {
    json.begin_object();
    for (const auto& [key, value] : node.entries()) write_json(json.key(key), value);
    json.end_object();
  } else if (node.is_sequence()) {
    json.begin_array();
    for (const ConfigNode& item : node.items()) write_json(json, item);
    json.end_array();
  } else if (node.is_null()) {
    json.null();
  } else {
    write_scalar(json, node);
  }
}

}  // namespace isoflop
