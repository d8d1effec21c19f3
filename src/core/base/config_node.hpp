// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isoflop {

enum class ConfigSyntax { yaml, json_with_comments };

/// One value of a YAML or JSON file that knows where it stands, so that every complaint names file,
/// line, key and value. Files ending in .json or .jsonc are JSON (comments allowed), all others
/// YAML. Copies are cheap and share the document.
class ConfigNode {
 public:
  /// Throws FileError when the file cannot be read, ConfigError with line and column when it does
  /// not parse.
  static ConfigNode load(const std::filesystem::path& path);
  /// `name` stands for the file name in messages.
  static ConfigNode parse(std::string_view text, const std::string& name,
                          ConfigSyntax syntax = ConfigSyntax::yaml);

  /// A copy of this document's root in which the value at the dotted path ("model.n_layer") is
  /// replaced or added; `value` is YAML. Complaints about it name the option: "--set
  /// model.n_layer". Throws ConfigError for "a..b" or a path through a scalar.
  ConfigNode with_override(const std::string& dotted_path, const std::string& value) const;

  bool is_map() const;
  bool is_sequence() const;
  bool is_null() const;
  /// A scalar in quotes: text, whatever it looks like.
  bool is_quoted() const;
  /// "cluster.yaml:12" (or "--set model.n_layer").
  std::string where() const;
  /// "partitions[0].nodes"; empty for the root.
  const std::string& key_path() const { return key_path_; }
  /// The scalar as written, for messages; "a map" or "a list" for those.
  std::string text() const;
  /// The document's name as given to load or parse.
  std::string document_name() const;

  /// T is std::string, bool, int, int64_t, double or std::filesystem::path. Integers may be written
  /// 1e9 when exact. Throws ConfigError "file:line: key is 'value' (must be ...)".
  template <typename T>
  T as() const;

  /// The elements of a sequence. Throws ConfigError for anything else.
  std::vector<ConfigNode> items() const;
  /// The entries of a map in file order. Throws ConfigError for anything else and for a key given
  /// twice.
  std::vector<std::pair<std::string, ConfigNode>> entries() const;

  /// Throws ConfigError "where: key is 'value' (problem); remedy" (remedy may be empty).
  [[noreturn]] void fail(const std::string& problem, const std::string& remedy = "") const;

 private:
  struct Document;
  struct Value;
  ConfigNode(std::shared_ptr<const Document> document, std::shared_ptr<const Value> value,
             std::string key_path);

  std::shared_ptr<const Document> document_;
  std::shared_ptr<const Value> value_;
  std::string key_path_;
};

/// Reads the keys of one map and then refuses those that nobody asked for.
class MapReader {
 public:
  /// Throws ConfigError when the node is not a map.
  explicit MapReader(const ConfigNode& node);

  /// Throws ConfigError naming the missing key.
  ConfigNode required_node(const std::string& key);
  /// Absent when the key is missing or its value is null.
  std::optional<ConfigNode> find_node(const std::string& key);

  template <typename T>
  T required(const std::string& key) {
    return required_node(key).template as<T>();
  }
  template <typename T>
  std::optional<T> find(const std::string& key) {
    const std::optional<ConfigNode> node = find_node(key);
    return node ? std::optional<T>(node->template as<T>()) : std::nullopt;
  }
  template <typename T>
  T value_or(const std::string& key, T fallback) {
    return find<T>(key).value_or(std::move(fallback));
  }
  /// An integer that must be at least `minimum`.
  int64_t required_at_least(const std::string& key, int64_t minimum);
  /// A number that must be above zero.
  double required_positive(const std::string& key);
  std::optional<double> find_positive(const std::string& key);

  /// Takes the entries of another map for keys that this one lacks. Throws ConfigError when it is
  /// not a map.
  void add_defaults(const ConfigNode& defaults);
  /// Accepts and drops a key on purpose (a foreign file's key that does not concern us).
  void ignore(const std::string& key) { asked_.insert(key); }
  /// Accepts and drops everything not asked for: only for foreign formats such as Hugging Face's
  /// config.json.
  void ignore_rest() { finished_ = true; }
  /// Throws ConfigError for the first key nobody asked for, with the nearest known key.
  void finish() const;

  const ConfigNode& node() const { return node_; }

 private:
  ConfigNode node_;
  std::vector<std::pair<std::string, ConfigNode>> entries_;
  std::set<std::string> asked_;
  bool finished_ = false;
};

}  // namespace isoflop
