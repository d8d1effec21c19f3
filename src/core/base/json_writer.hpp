// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Writes one indented JSON document value by value. Doubles round-trip; what JSON cannot say (NaN,
/// infinity, an absent optional) is null. Bytes that are not UTF-8 become U+FFFD.
class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  /// The name of the next value; only inside an object.
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(double number);
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

  /// The document, ending in a newline; everything that was begun must have ended.
  std::string text() const;

 private:
  enum class Container { object, array };
  struct Level {
    Container container;
    bool is_empty = true;
  };
  void begin_value();
  JsonWriter& begin(Container container, char bracket);
  JsonWriter& end(Container container, char bracket);
  JsonWriter& write(std::string_view token);
  void new_line();

  std::string text_;
  std::vector<Level> levels_;
  bool after_key_ = false;
};

}  // namespace isoflop
