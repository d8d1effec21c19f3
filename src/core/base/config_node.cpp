// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"

#include "core/base/error.hpp"
#include "core/base/jsonc.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

namespace isoflop {

/// The parsed file and what --set replaced in it, in order. The text is kept because a copy of
/// parsed nodes (YAML::Clone) would lose their lines: each override parses it again.
struct ConfigNode::Document {
  std::string name;
  std::string yaml;
  std::vector<std::pair<std::string, std::string>> overrides;
  YAML::Node root;
};

/// A parsed value and its line from 0, negative when it has none.
struct ConfigNode::Value {
  explicit Value(const YAML::Node& value) : node(value), line(value.Mark().line) {}
  /// A value left empty has the mark of what follows it, so its key's line is taken.
  Value(const YAML::Node& value, const YAML::Node& key)
      : node(value), line(value.IsNull() ? key.Mark().line : value.Mark().line) {}

  YAML::Node node;
  int line;
};

namespace {

YAML::Node parse_yaml(const std::string& text, const std::string& name) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      throw ConfigError(fmt::format("{}: holds {} YAML documents (must be one); remove the '---'",
                                    name, documents.size()));
    return documents.empty() ? YAML::Node() : documents.front();
  } catch (const YAML::Exception& error) {
    throw ConfigError(
        fmt::format("{}:{}: does not parse as YAML (column {}: {}); check indentation and quotes",
                    name, error.mark.line + 1, error.mark.column + 1, error.msg));
  }
}

std::vector<std::string> split_path(const std::string& dotted_path) {
  std::vector<std::string> keys;
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = dotted_path.find('.', start);
    keys.push_back(dotted_path.substr(start, dot - start));
    if (keys.back().empty())
      throw ConfigError(
          fmt::format("--set '{}' (empty key); write --set section.key=value", dotted_path));
    if (dot == std::string::npos) return keys;
    start = dot + 1;
  }
}

bool is_prefix_path(const std::string& prefix, const std::string& path) {
  return path == prefix || (path.size() > prefix.size() && path.starts_with(prefix) &&
                            (path[prefix.size()] == '.' || path[prefix.size()] == '['));
}

template <typename T>
std::optional<T> parse_number(const std::string& text) {
  T value{};
  const char* const end = text.data() + text.size();
  const bool has_plus = text.starts_with('+') && !text.starts_with("+-");
  const char* const begin = text.data() + (has_plus ? 1 : 0);
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc{} && stop == end ? std::optional<T>(value) : std::nullopt;
}

/// A whole number, also in the form 1e9 or 2.5e3, exactly representable.
std::optional<int64_t> parse_integer(const std::string& text) {
  if (const std::optional<int64_t> plain = parse_number<int64_t>(text)) return plain;
  const std::optional<double> value = parse_number<double>(text);
  if (!value || *value != std::floor(*value) || std::fabs(*value) > 9.007199254740992e15)
    return std::nullopt;
  return static_cast<int64_t>(*value);
}

/// Replaces or adds the value at a dotted path.
void apply_override(YAML::Node root, const std::string& dotted_path, const std::string& value) {
  const std::vector<std::string> keys = split_path(dotted_path);
  YAML::Node node = std::move(root);
  std::string path_so_far;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (node.IsDefined() && !node.IsMap() && !node.IsNull())
      throw ConfigError(fmt::format(
          "--set {}: '{}' holds no keys (it is a plain value or a list); check the path",
          dotted_path, i == 0 ? "the document" : path_so_far));
    node.reset(node[keys[i]]);
    path_so_far += (i == 0 ? "" : ".") + keys[i];
  }
  node = parse_yaml(value, "--set " + dotted_path);
}

/// On one line, cut where it gets long.
std::string shorten(std::string text) {
  constexpr std::size_t kMaxShown = 80;
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

std::string to_lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

ConfigNode::ConfigNode(std::shared_ptr<const Document> document, std::shared_ptr<const Value> value,
                       std::string key_path)
    : document_(std::move(document)), value_(std::move(value)), key_path_(std::move(key_path)) {}

ConfigNode ConfigNode::load(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  const bool json = extension == ".json" || extension == ".jsonc";
  return parse(read_text_file(path), path.string(),
               json ? ConfigSyntax::json_with_comments : ConfigSyntax::yaml);
}

ConfigNode ConfigNode::parse(std::string_view text, const std::string& name, ConfigSyntax syntax) {
  auto document = std::make_shared<Document>();
  document->name = name;
  document->yaml =
      syntax == ConfigSyntax::json_with_comments ? json_to_yaml(text, name) : std::string(text);
  document->root = parse_yaml(document->yaml, name);
  return {document, std::make_shared<Value>(document->root), ""};
}

ConfigNode ConfigNode::with_override(const std::string& dotted_path,
                                     const std::string& value) const {
  auto document = std::make_shared<Document>();
  document->name = document_->name;
  document->yaml = document_->yaml;
  document->overrides = document_->overrides;
  document->overrides.emplace_back(dotted_path, value);
  document->root = parse_yaml(document->yaml, document->name);
  for (const auto& [path, replacement] : document->overrides)
    apply_override(document->root, path, replacement);
  return {document, std::make_shared<Value>(document->root), ""};
}

bool ConfigNode::is_map() const { return value_->node.IsMap(); }
bool ConfigNode::is_sequence() const { return value_->node.IsSequence(); }
bool ConfigNode::is_null() const { return value_->node.IsNull(); }
bool ConfigNode::is_quoted() const { return value_->node.IsScalar() && value_->node.Tag() == "!"; }
std::string ConfigNode::document_name() const { return document_->name; }

std::string ConfigNode::where() const {
  // The last one that holds the value: it replaced what earlier ones set.
  for (auto entry = document_->overrides.rbegin(); entry != document_->overrides.rend(); ++entry) {
    if (is_prefix_path(entry->first, key_path_)) return "--set " + entry->first;
  }
  if (value_->line >= 0) return fmt::format("{}:{}", document_->name, value_->line + 1);
  // Without a line it is the document itself or a section that --set made.
  for (const auto& [path, value] : document_->overrides) {
    if (!key_path_.empty() && is_prefix_path(key_path_, path)) return "--set " + path;
  }
  return document_->name;
}

std::string ConfigNode::text() const {
  if (value_->node.IsMap()) return "a map";
  if (value_->node.IsSequence()) return "a list";
  return value_->node.IsNull() ? "null" : value_->node.Scalar();
}

void ConfigNode::fail(const std::string& problem, const std::string& remedy) const {
  const std::string subject = key_path_.empty() ? "the document" : key_path_;
  throw ConfigError(fmt::format("{}: {} is '{}' ({}){}{}", where(), subject, shorten(text()),
                                problem, remedy.empty() ? "" : "; ", remedy));
}

template <>
std::string ConfigNode::as<std::string>() const {
  if (!value_->node.IsScalar()) fail("must be text");
  return value_->node.Scalar();
}

template <>
std::filesystem::path ConfigNode::as<std::filesystem::path>() const {
  return as<std::string>();
}

template <>
bool ConfigNode::as<bool>() const {
  const std::string word = to_lower(as<std::string>());
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  fail("must be true or false");
}

template <>
int64_t ConfigNode::as<int64_t>() const {
  const std::optional<int64_t> value =
      value_->node.IsScalar() ? parse_integer(value_->node.Scalar()) : std::nullopt;
  if (!value) fail("must be a whole number");
  return *value;
}

template <>
int ConfigNode::as<int>() const {
  const int64_t value = as<int64_t>();
  if (value < INT32_MIN || value > INT32_MAX) fail("must be a whole number below 2^31");
  return static_cast<int>(value);
}

template <>
double ConfigNode::as<double>() const {
  const std::optional<double> value =
      value_->node.IsScalar() ? parse_number<double>(value_->node.Scalar()) : std::nullopt;
  if (!value || !std::isfinite(*value)) fail("must be a number");
  return *value;
}

std::vector<ConfigNode> ConfigNode::items() const {
  if (!is_sequence()) fail("must be a list");
  std::vector<ConfigNode> result;
  for (const YAML::Node& element : value_->node) {
    const std::string path = fmt::format("{}[{}]", key_path_, result.size());
    result.push_back(ConfigNode(document_, std::make_shared<Value>(element), path));
  }
  return result;
}

std::vector<std::pair<std::string, ConfigNode>> ConfigNode::entries() const {
  if (!is_map()) fail("must be a map of keys and values");
  std::vector<std::pair<std::string, ConfigNode>> result;
  std::map<std::string, std::string> seen;
  for (const auto& entry : value_->node) {
    const std::string key = entry.first.Scalar();
    const std::string path = key_path_.empty() ? key : key_path_ + "." + key;
    ConfigNode child(document_, std::make_shared<Value>(entry.second, entry.first), path);
    const auto [first, inserted] = seen.emplace(key, child.where());
    if (!inserted)
      throw ConfigError(fmt::format("{}: key '{}' is given twice (first at {}); remove one",
                                    child.where(), path, first->second));
    result.emplace_back(key, std::move(child));
  }
  return result;
}

MapReader::MapReader(const ConfigNode& node) : node_(node), entries_(node.entries()) {}

std::optional<ConfigNode> MapReader::find_node(const std::string& key) {
  asked_.insert(key);
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& candidate) { return candidate.first == key; });
  if (entry == entries_.end() || entry->second.is_null()) return std::nullopt;
  return entry->second;
}

ConfigNode MapReader::required_node(const std::string& key) {
  const std::optional<ConfigNode> found = find_node(key);
  if (found) return *found;
  const std::string section = node_.key_path().empty() ? "" : " in '" + node_.key_path() + "'";
  for (const auto& [name, value] : entries_) {
    if (name == key)
      throw ConfigError(
          fmt::format("{}: key '{}'{} has no value; give it one", value.where(), key, section));
    if (!asked_.contains(name) && !did_you_mean(name, {key}).empty())
      throw ConfigError(fmt::format("{}: key '{}' is missing{} (is '{}' meant?); correct or add it",
                                    value.where(), key, section, name));
  }
  throw ConfigError(fmt::format("{}: key '{}' is missing{}; add it", node_.where(), key, section));
}

int64_t MapReader::required_at_least(const std::string& key, int64_t minimum) {
  const ConfigNode node = required_node(key);
  const int64_t value = node.as<int64_t>();
  if (value < minimum) node.fail(fmt::format("must be at least {}", minimum));
  return value;
}

double MapReader::required_positive(const std::string& key) {
  required_node(key);
  return *find_positive(key);
}

std::optional<double> MapReader::find_positive(const std::string& key) {
  const std::optional<ConfigNode> node = find_node(key);
  if (!node) return std::nullopt;
  const double value = node->as<double>();
  if (value <= 0) node->fail("must be above zero");
  return value;
}

void MapReader::add_defaults(const ConfigNode& defaults) {
  for (const auto& entry : defaults.entries()) {
    const bool given = std::any_of(entries_.begin(), entries_.end(),
                                   [&](const auto& own) { return own.first == entry.first; });
    if (!given) entries_.push_back(entry);
  }
}

void MapReader::finish() const {
  if (finished_) return;
  for (const auto& [key, value] : entries_) {
    if (asked_.contains(key)) continue;
    const std::string section = node_.key_path().empty() ? "" : " in '" + node_.key_path() + "'";
    throw ConfigError(fmt::format("{}: unknown key '{}'{}{}; remove it or correct its spelling",
                                  value.where(), key, section,
                                  did_you_mean(key, {asked_.begin(), asked_.end()})));
  }
}

}  // namespace isoflop
