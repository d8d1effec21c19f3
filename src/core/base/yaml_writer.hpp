// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace isoflop {

/// Writes a YAML document of nested maps with comments; strings are quoted where YAML needs it,
/// doubles round-trip.
class YamlWriter {
 public:
  YamlWriter();
  ~YamlWriter();
  YamlWriter(const YamlWriter&) = delete;
  YamlWriter& operator=(const YamlWriter&) = delete;

  /// A comment line of its own before the next entry.
  YamlWriter& comment(const std::string& text);
  YamlWriter& entry(const std::string& key, const std::string& value,
                    const std::string& trailing_comment = "");
  YamlWriter& entry(const std::string& key, const char* value,
                    const std::string& trailing_comment = "");
  YamlWriter& entry(const std::string& key, int64_t value,
                    const std::string& trailing_comment = "");
  YamlWriter& entry(const std::string& key, int value, const std::string& trailing_comment = "");
  YamlWriter& entry(const std::string& key, double value, const std::string& trailing_comment = "");
  YamlWriter& entry(const std::string& key, bool value, const std::string& trailing_comment = "");
  YamlWriter& entry(const std::string& key, const std::vector<std::string>& values);
  YamlWriter& entry(const std::string& key, const std::vector<double>& values);
  /// Rows of numbers, each on a line of its own; at least one row.
  YamlWriter& entry(const std::string& key, const std::vector<std::vector<double>>& rows);
  YamlWriter& begin_map(const std::string& key);
  YamlWriter& end_map();
  /// A sequence of maps: begin_list(key), then begin_item() ... end_map() for each, then
  /// end_list().
  YamlWriter& begin_list(const std::string& key);
  YamlWriter& begin_item();
  YamlWriter& end_list();
  /// The document, ending in a newline.
  std::string text() const;

 private:
  struct Emitter;
  template <typename T>
  YamlWriter& scalar(const std::string& key, const T& value, const std::string& trailing_comment);
  std::unique_ptr<Emitter> emitter_;
};

}  // namespace isoflop
