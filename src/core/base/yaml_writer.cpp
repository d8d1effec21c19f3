// SPDX-License-Identifier: MIT
#include "core/base/yaml_writer.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <sstream>
#include <string_view>
#include <utility>

namespace isoflop {
namespace {

/// Text that some YAML reader would take for a number, a date, a truth value or null must be quoted
/// to stay text. Whatever starts like a number is: YAML 1.1 has 12:30, 1_000 and 2026-01-01 too.
bool looks_like_other_type(const std::string& text) {
  if (text.empty() || std::string_view("0123456789+-.").find(text[0]) != std::string_view::npos)
    return true;
  bool flag = false;
  return YAML::convert<bool>::decode(YAML::Node(text), flag) || text == "null" || text == "~";
}

/// Doubles as the shortest text that reads back to the same value.
std::string round_trip(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  return fmt::format("{}", value);
}

/// yaml-cpp starts comments of their own line in the first column: moves each under the entry that
/// follows. Text never starts a line with '#', it is quoted then.
std::string indent_comments(const std::string& yaml) {
  std::istringstream lines(yaml);
  std::string result;
  std::string comments;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) {
      comments += line + "\n";
      continue;
    }
    const std::string indent(line.find_first_not_of(" -"), ' ');
    std::istringstream held(std::exchange(comments, {}));
    for (std::string comment; std::getline(held, comment);) result += indent + comment + "\n";
    result += line + "\n";
  }
  return result + comments;
}

}  // namespace

struct YamlWriter::Emitter {
  std::ostringstream stream;
  YAML::Emitter out{stream};
  bool at_start = true;  // of the document, a map or an item: a comment then needs no new line
};

YamlWriter::YamlWriter() : emitter_(std::make_unique<Emitter>()) {
  emitter_->out << YAML::BeginMap;
}
YamlWriter::~YamlWriter() = default;

YamlWriter& YamlWriter::comment(const std::string& text) {
  if (!emitter_->at_start) emitter_->out << YAML::Newline;
  emitter_->out << YAML::Comment(text);
  return *this;
}

template <typename T>
YamlWriter& YamlWriter::scalar(const std::string& key, const T& value,
                               const std::string& trailing_comment) {
  emitter_->at_start = false;
  emitter_->out << YAML::Key << key << YAML::Value << value;
  if (!trailing_comment.empty()) emitter_->out << YAML::Comment(trailing_comment);
  return *this;
}

YamlWriter& YamlWriter::entry(const std::string& key, const std::string& value,
                              const std::string& trailing_comment) {
  if (!looks_like_other_type(value)) return scalar(key, value, trailing_comment);
  emitter_->at_start = false;
  emitter_->out << YAML::Key << key << YAML::Value << YAML::DoubleQuoted << value;
  if (!trailing_comment.empty()) emitter_->out << YAML::Comment(trailing_comment);
  return *this;
}
YamlWriter& YamlWriter::entry(const std::string& key, const char* value,
                              const std::string& trailing_comment) {
  return entry(key, std::string(value), trailing_comment);
}
YamlWriter& YamlWriter::entry(const std::string& key, int64_t value,
                              const std::string& trailing_comment) {
  return scalar(key, value, trailing_comment);
}
YamlWriter& YamlWriter::entry(const std::string& key, int value,
                              const std::string& trailing_comment) {
  return scalar(key, value, trailing_comment);
}
YamlWriter& YamlWriter::entry(const std::string& key, double value,
                              const std::string& trailing_comment) {
  return scalar(key, round_trip(value), trailing_comment);
}
YamlWriter& YamlWriter::entry(const std::string& key, bool value,
                              const std::string& trailing_comment) {
  return scalar(key, value, trailing_comment);
}

YamlWriter& YamlWriter::entry(const std::string& key, const std::vector<std::string>& values) {
  emitter_->at_start = false;
  emitter_->out << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const std::string& value : values) {
    if (looks_like_other_type(value)) emitter_->out << YAML::DoubleQuoted;
    emitter_->out << value;
  }
  emitter_->out << YAML::EndSeq;
  return *this;
}

YamlWriter& YamlWriter::entry(const std::string& key, const std::vector<double>& values) {
  emitter_->at_start = false;
  emitter_->out << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const double value : values) emitter_->out << round_trip(value);
  emitter_->out << YAML::EndSeq;
  return *this;
}

YamlWriter& YamlWriter::entry(const std::string& key,
                              const std::vector<std::vector<double>>& rows) {
  begin_list(key);
  for (const std::vector<double>& row : rows) {
    emitter_->out << YAML::Flow << YAML::BeginSeq;
    for (const double value : row) emitter_->out << round_trip(value);
    emitter_->out << YAML::EndSeq;
  }
  return end_list();
}

YamlWriter& YamlWriter::begin_map(const std::string& key) {
  emitter_->at_start = false;
  emitter_->out << YAML::Key << key << YAML::Value << YAML::BeginMap;
  emitter_->at_start = true;
  return *this;
}
YamlWriter& YamlWriter::end_map() {
  emitter_->out << YAML::EndMap;
  return *this;
}
YamlWriter& YamlWriter::begin_list(const std::string& key) {
  emitter_->at_start = false;
  emitter_->out << YAML::Key << key << YAML::Value << YAML::BeginSeq;
  return *this;
}
YamlWriter& YamlWriter::begin_item() {
  emitter_->out << YAML::BeginMap;
  emitter_->at_start = true;
  return *this;
}
YamlWriter& YamlWriter::end_list() {
  emitter_->out << YAML::EndSeq;
  return *this;
}

std::string YamlWriter::text() const { return indent_comments(emitter_->stream.str()); }

}  // namespace isoflop
