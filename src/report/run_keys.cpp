// SPDX-License-Identifier: MIT
#include "report/run_keys.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/run/header_fields.hpp"
#include "report/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <concepts>

namespace isoflop {
namespace {

namespace schema = run_schema;

/// Takes a member of the header; empty texts and absent values are unknown.
struct AddField {
  RunKeys& keys;
  std::string prefix;

  void operator()(const char* name, const std::string& text) const {
    if (!text.empty()) keys[prefix + name] = text;
  }
  void operator()(const char* name, bool flag) const {
    keys[prefix + name] = std::string(flag ? "true" : "false");
  }
  void operator()(const char* name, std::integral auto number) const {
    keys[prefix + name] = int64_t{number};
  }
  void operator()(const char* name, double number) const { keys[prefix + name] = number; }
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) const {
    if (value) (*this)(name, *value);
  }
};

template <typename Number>
std::optional<Number> whole_text(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Cell scalar_cell(const ConfigNode& node) {
  const std::string text = node.text();
  if (node.is_null()) return {};
  if (node.is_quoted()) return text;
  if (const auto integer = whole_text<int64_t>(text)) return *integer;
  if (const auto number = whole_text<double>(text)) return *number;
  return text;
}

std::string list_text(const ConfigNode& node);

std::string item_text(const ConfigNode& node) {
  if (node.is_sequence()) return list_text(node);
  if (!node.is_map()) return node.text();
  std::string text;
  for (const auto& [key, value] : node.entries())
    text += (text.empty() ? "" : ", ") + key + ": " + item_text(value);
  return "{" + text + "}";
}

std::string list_text(const ConfigNode& node) {
  std::string text;
  for (const ConfigNode& item : node.items()) text += (text.empty() ? "" : ", ") + item_text(item);
  return "[" + text + "]";
}

void add_configuration(const ConfigNode& node, RunKeys& keys) {
  for (const auto& [name, value] : node.entries()) {
    if (value.is_map())
      add_configuration(value, keys);
    else
      keys[value.key_path()] = value.is_sequence() ? Cell(list_text(value)) : scalar_cell(value);
  }
}

/// The columns of the runs table, which take a walk along the steps.
RunKeys summary_keys(const TrainingRun& run) {
  const RunSummary summary = summarize(run);
  const Table table = runs_table(std::span(&summary, 1));
  RunKeys keys;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    keys[table.columns[c].key] = table.rows.front()[c];
  return keys;
}

bool is_of_summary(const std::string& key) {
  const Table table = runs_table({});
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [&](const Column& column) { return column.key == key; });
}

}  // namespace

RunKeys configuration_keys(const TrainingRun& run) {
  RunKeys keys;
  const RunFile& file = run.last();
  if (file.header.config.yaml.empty()) return keys;
  const ConfigNode root =
      ConfigNode::parse(file.header.config.yaml, file.path.string() + ": /config/yaml");
  if (root.is_map()) add_configuration(root, keys);
  return keys;
}

RunKeys header_keys(const TrainingRun& run) {
  const RunHeader& header = run.last().header;
  RunKeys keys;
  schema::visit_identity(header.identity, AddField{keys, ""});
  schema::visit_config(header.config, AddField{keys, "config."});
  schema::visit_layout(header.layout, AddField{keys, "layout."});
  schema::visit_hardware(header.hardware, AddField{keys, "hardware."});
  schema::visit_flops(header.flops, AddField{keys, "flops."});
  schema::visit_prediction(header.prediction, AddField{keys, "prediction."});
  for (auto& [key, value] : configuration_keys(run)) keys[key] = value;
  return keys;
}

std::vector<Cell> values_of_key(std::span<const TrainingRun> runs, const std::string& option,
                                const std::string& key) {
  std::vector<Cell> values;
  std::vector<std::string> known;
  const bool of_summary = is_of_summary(key);
  bool found = runs.empty();
  for (const TrainingRun& run : runs) {
    const RunKeys keys = of_summary ? summary_keys(run) : header_keys(run);
    const auto entry = keys.find(key);
    found = found || entry != keys.end();
    values.push_back(entry != keys.end() ? entry->second : Cell());
    for (const auto& [name, value] : keys) known.push_back(name);
  }
  if (!found) {
    for (const Column& column : runs_table({}).columns) known.push_back(column.key);
    throw ConfigError(
        fmt::format("{}: no run recorded a key '{}'{}; it is a column of report --format csv "
                    "--table runs or a key of the configuration (model.n_layer)",
                    option, key, did_you_mean(key, known)));
  }
  return values;
}

std::string cell_text(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return text->empty() ? "-" : *text;
  if (const auto* integer = std::get_if<int64_t>(&cell)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&cell)) return fmt::format("{}", *number);
  return "-";
}

}  // namespace isoflop
