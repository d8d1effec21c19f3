// SPDX-License-Identifier: MIT
#include "core/base/yaml_writer.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

namespace isoflop {
namespace {

/// Text that a YAML reader would take for a number, a bool or null must be quoted to stay text.
bool looks_like_other_type(const std::string& text) {
  double number = 0;
  bool flag = false;
  const YAML::Node plain(text);
  return YAML::convert<double>::decode(plain, number) || YAML::convert<bool>::decode(plain, flag) ||
         text == "null" || text == "~";
}

/// Doubles as the shortest text that reads back to the same value.
std::string round_trip(double value) { return fmt::format("{}", value); }

}  // namespace

struct YamlWriter::Emitter {
  std::ostringstream stream;
  YAML::Emitter out{stream};
};

YamlWriter::YamlWriter() : emitter_(std::make_unique<Emitter>()) {
  emitter_->out << YAML::BeginMap;
}
YamlWriter::~YamlWriter() = default;

YamlWriter& YamlWriter::comment(const std::string& text) {
  if (emitter_->out.size() > 0) emitter_->out << YAML::Newline;
  emitter_->out << YAML::Comment(text);
  return *this;
}

template <typename T>
YamlWriter& YamlWriter::scalar(const std::string& key, const T& value,
                               const std::string& trailing_comment) {
  emitter_->out << YAML::Key << key << YAML::Value << value;
  if (!trailing_comment.empty()) emitter_->out << YAML::Comment(trailing_comment);
  return *this;
}

YamlWriter& YamlWriter::entry(const std::string& key, const std::string& value,
                              const std::string& trailing_comment) {
  if (!value.empty() && !looks_like_other_type(value)) return scalar(key, value, trailing_comment);
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
  emitter_->out << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const std::string& value : values) {
    if (looks_like_other_type(value)) emitter_->out << YAML::DoubleQuoted;
    emitter_->out << value;
  }
  emitter_->out << YAML::EndSeq;
  return *this;
}

YamlWriter& YamlWriter::entry(const std::string& key, const std::vector<double>& values) {
  emitter_->out << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const double value : values) emitter_->out << round_trip(value);
  emitter_->out << YAML::EndSeq;
  return *this;
}

YamlWriter& YamlWriter::begin_map(const std::string& key) {
  emitter_->out << YAML::Key << key << YAML::Value << YAML::BeginMap;
  return *this;
}
YamlWriter& YamlWriter::end_map() {
  emitter_->out << YAML::EndMap;
  return *this;
}
YamlWriter& YamlWriter::begin_list(const std::string& key) {
  emitter_->out << YAML::Key << key << YAML::Value << YAML::BeginSeq;
  return *this;
}
YamlWriter& YamlWriter::begin_item() {
  emitter_->out << YAML::BeginMap;
  return *this;
}
YamlWriter& YamlWriter::end_list() {
  emitter_->out << YAML::EndSeq;
  return *this;
}

std::string YamlWriter::text() const { return emitter_->stream.str() + "\n"; }

}  // namespace isoflop
