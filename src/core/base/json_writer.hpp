// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isoflop {

/// Whether each value of an object or array has a line of its own. What is inside of one line is on
/// it too.
enum class JsonLines { many, one };

/// Writes one indented JSON document value by value. Doubles and floats round-trip; what JSON
/// cannot say (NaN, infinity, an absent optional) is null. Bytes that are not UTF-8 become U+FFFD.
class JsonWriter {
 public:
  JsonWriter& begin_object(JsonLines lines = JsonLines::many);
  JsonWriter& end_object();
  JsonWriter& begin_array(JsonLines lines = JsonLines::many);
  JsonWriter& end_array();
  /// The name of the next value; only inside an object.
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(double number);
  JsonWriter& value(float number);
  JsonWriter& value(int64_t number);
  JsonWriter& value(int number) { return value(static_cast<int64_t>(number)); }
  JsonWriter& value(bool flag);
  JsonWriter& null();
  template <typename T>
  JsonWriter& value(const std::optional<T>& optional) {
    return optional ? value(*optional) : null();
  }
  /// key(name) and value(of) in one.
  template <typename T>
  JsonWriter& entry(std::string_view name, const T& of) {
    return key(name).value(of);
  }

  /// What was written since the last call, so that a long document need not be held.
  std::string take() { return std::exchange(text_, {}); }
  /// The document, or what take() left of it, ending in a newline; everything that was begun must
  /// have ended.
  std::string text() const;

 private:
  enum class Container { object, array };
  struct Level {
    Container container;
    JsonLines lines = JsonLines::many;
    bool is_empty = true;
  };
  void begin_value();
  /// What comes before the next value or key of the innermost container.
  void separate();
  JsonWriter& begin(Container container, char bracket, JsonLines lines);
  JsonWriter& end(Container container, char bracket);
  JsonWriter& write(std::string_view token);
  void new_line();

  std::string text_;
  std::vector<Level> levels_;
  bool after_key_ = false;
};

}  // namespace isoflop
