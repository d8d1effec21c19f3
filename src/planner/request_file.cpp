// SPDX-License-Identifier: MIT
#include "planner/request_file.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/base/yaml_writer.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string>
#include <vector>

namespace isoflop {

namespace {

namespace fs = std::filesystem;

/// Options that make no sense in a file.
constexpr std::array<const char*, 3> kOnlyOnCommandLine = {"--help", "--version", "--request"};

bool may_stand_in_file(const CLI::Option& option) {
  const std::string name = option.get_name();
  return std::find(kOnlyOnCommandLine.begin(), kOnlyOnCommandLine.end(), name) ==
         kOnlyOnCommandLine.end();
}

std::vector<std::string> keys(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : app.get_options()) {
    if (!may_stand_in_file(*option)) continue;
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  return names;
}

CLI::Option& find_option(CLI::App& app, const std::string& key, const ConfigNode& node) {
  const std::vector<std::string> known = keys(app);
  if (std::find(known.begin(), known.end(), key) == known.end()) {
    node.fail("no option of planner" + did_you_mean(key, known),
              "use the names of planner plan --help without dashes");
  }
  return *app.get_option("--" + key);
}

/// A file beside the request is meant by its name alone.
std::string value_of(const CLI::Option& option, const ConfigNode& node, const fs::path& folder) {
  if (option.get_expected_max() == 0) return node.as<bool>() ? "true" : "false";
  const std::string text = node.as<std::string>();
  const bool names_a_path = text.find_first_of("./") != std::string::npos;
  if (names_a_path && !text.empty() && fs::exists(folder / text))
    return (folder / text).lexically_normal().string();
  return text;
}

/// Values that read back as they are when written as a number, or as true, stand bare.
void write_value(YamlWriter& yaml, const std::string& key, const std::string& value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = error == std::errc() && end == value.data() + value.size();
  if (is_number && fmt::format("{}", number) == value)
    yaml.entry(key, number);
  else if (value == "true")
    yaml.entry(key, true);
  else
    yaml.entry(key, value);
}

}  // namespace

std::string write_request(const std::vector<std::pair<std::string, std::string>>& options,
                          const std::string& header) {
  YamlWriter yaml;
  yaml.comment(header);
  for (const auto& [key, value] : options) write_value(yaml, key, value);
  return yaml.text();
}

void read_request_file(const fs::path& file, CLI::App& app) {
  const ConfigNode root = ConfigNode::load(file);
  for (const auto& [key, node] : root.entries()) {
    CLI::Option& option = find_option(app, key, node);
    if (option.count() > 0) continue;
    try {
      option.add_result(value_of(option, node, file.parent_path()));
      option.run_callback();
    } catch (const CLI::ParseError& error) {
      node.fail(error.what());
    }
  }
}

}  // namespace isoflop
