// SPDX-License-Identifier: MIT
#include "core/base/json_writer.hpp"

#include "core/base/check.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace isoflop {
namespace {

constexpr std::size_t kIndent = 2;

std::string quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void JsonWriter::new_line() {
  text_ += '\n';
  text_.append(levels_.size() * kIndent, ' ');
}

void JsonWriter::separate() {
  Level& level = levels_.back();
  if (!level.is_empty) text_ += ',';
  if (level.lines == JsonLines::many)
    new_line();
  else if (!level.is_empty)
    text_ += ' ';
  level.is_empty = false;
}

void JsonWriter::begin_value() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (levels_.empty()) return;
  ISOFLOP_CHECK(levels_.back().container == Container::array);
  separate();
}

JsonWriter& JsonWriter::key(std::string_view name) {
  ISOFLOP_CHECK(!levels_.empty() && levels_.back().container == Container::object && !after_key_);
  separate();
  text_ += quoted(name) + ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::begin(Container container, char bracket, JsonLines lines) {
  begin_value();
  text_ += bracket;
  if (!levels_.empty() && levels_.back().lines == JsonLines::one) lines = JsonLines::one;
  levels_.push_back({container, lines});
  return *this;
}

JsonWriter& JsonWriter::end([[maybe_unused]] Container container, char bracket) {
  ISOFLOP_CHECK(!levels_.empty() && levels_.back().container == container && !after_key_);
  const Level ended = levels_.back();
  levels_.pop_back();
  if (!ended.is_empty && ended.lines == JsonLines::many) new_line();
  text_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::begin_object(JsonLines lines) {
  return begin(Container::object, '{', lines);
}
JsonWriter& JsonWriter::end_object() { return end(Container::object, '}'); }
JsonWriter& JsonWriter::begin_array(JsonLines lines) { return begin(Container::array, '[', lines); }
JsonWriter& JsonWriter::end_array() { return end(Container::array, ']'); }

JsonWriter& JsonWriter::write(std::string_view token) {
  begin_value();
  text_ += token;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) { return write(quoted(text)); }
JsonWriter& JsonWriter::value(double number) {
  return std::isfinite(number) ? write(fmt::format("{}", number)) : null();
}
JsonWriter& JsonWriter::value(float number) {
  return std::isfinite(number) ? write(fmt::format("{}", number)) : null();
}
JsonWriter& JsonWriter::value(int64_t number) { return write(fmt::format("{}", number)); }
JsonWriter& JsonWriter::value(bool flag) { return write(flag ? "true" : "false"); }
JsonWriter& JsonWriter::null() { return write("null"); }

std::string JsonWriter::text() const {
  ISOFLOP_CHECK(levels_.empty());
  return text_ + "\n";
}

}  // namespace isoflop
