// SPDX-License-Identifier: MIT
#include "core/hardware/job_settings_reader.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace isoflop {
namespace {

void read_line_over(MapReader& map, const std::string& key, std::optional<std::string>& value) {
  if (const std::optional<ConfigNode> node = map.find_node(key)) value = single_line(*node);
}

void read_lines_over(MapReader& map, const std::string& key, std::vector<std::string>& lines) {
  const std::optional<ConfigNode> node = map.find_node(key);
  if (!node) return;
  lines.clear();
  for (const ConfigNode& item : node->items()) lines.push_back(single_line(item));
}

bool is_variable_name(std::string_view name) {
  constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
  return !name.empty() && (name.front() < '0' || name.front() > '9') &&
         name.find_first_not_of(allowed) == std::string_view::npos;
}

void set_variable(std::vector<std::pair<std::string, std::string>>& environment,
                  const std::string& name, const std::string& value) {
  const auto same = std::find_if(environment.begin(), environment.end(),
                                 [&](const auto& entry) { return entry.first == name; });
  if (same == environment.end()) {
    environment.emplace_back(name, value);
  } else {
    same->second = value;
  }
}

void read_environment_over(MapReader& map,
                           std::vector<std::pair<std::string, std::string>>& environment) {
  const std::optional<ConfigNode> node = map.find_node("environment");
  if (!node) return;
  for (const auto& [name, value] : node->entries()) {
    if (!is_variable_name(name))
      value.fail("'" + name + "' cannot be a variable's name", "use letters, digits and _");
    set_variable(environment, name, single_line(value));
  }
}

}  // namespace

std::string single_line(const ConfigNode& node) {
  const std::string text = node.as<std::string>();
  if (text.empty()) node.fail("must not be empty", "give a value or remove the key");
  if (text.find_first_of("\n\r") != std::string::npos) node.fail("must be a single line");
  return text;
}

JobSettings read_job_settings(MapReader& map, JobSettings defaults) {
  JobSettings job = std::move(defaults);
  read_line_over(map, "account", job.account);
  read_line_over(map, "qos", job.qos);
  read_line_over(map, "constraint", job.constraint);
  read_line_over(map, "reservation", job.reservation);
  read_lines_over(map, "modules", job.modules);
  read_environment_over(map, job.environment);
  read_lines_over(map, "setup", job.setup);
  if (const auto node = map.find_node("mpi")) job.mpi = single_line(*node);
  if (const auto node = map.find_node("work_dir")) job.work_dir = single_line(*node);
  return job;
}

}  // namespace isoflop
