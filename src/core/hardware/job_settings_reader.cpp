// SPDX-License-Identifier: MIT
#include "core/hardware/job_settings_reader.hpp"

#include "core/hardware/slurm_time.hpp"

#include <algorithm>
#include <array>
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

void set_variable(std::vector<EnvironmentVariable>& environment, EnvironmentVariable variable) {
  const auto same = std::find_if(environment.begin(), environment.end(),
                                 [&](const auto& entry) { return entry.name == variable.name; });
  if (same == environment.end()) {
    environment.push_back(std::move(variable));
  } else {
    *same = std::move(variable);
  }
}

/// `NAME: VALUE` or `NAME: {value: VALUE, why: TEXT}`.
EnvironmentVariable read_variable(const std::string& name, const ConfigNode& node) {
  if (!is_variable_name(name))
    node.fail("'" + name + "' cannot be a variable's name", "use letters, digits and _");
  if (!node.is_map()) return {name, single_line(node)};
  MapReader map(node);
  EnvironmentVariable variable{name, single_line(map.required_node("value")),
                               single_line(map.required_node("why"))};
  map.finish();
  return variable;
}

void read_environment_over(MapReader& map, std::vector<EnvironmentVariable>& environment) {
  const std::optional<ConfigNode> node = map.find_node("environment");
  if (!node) return;
  for (const auto& [name, value] : node->entries())
    set_variable(environment, read_variable(name, value));
}

/// Of sbatch, written by the planner from the plan and from keys of their own.
constexpr std::array kPlannedOptions = {
    "account",  "array",           "chdir",     "constraint", "cpus-per-task", "dependency",
    "error",    "exclude",         "exclusive", "export",     "gpus-per-node", "gres",
    "job-name", "mail-type",       "mail-user", "mem",        "no-requeue",    "nodes",
    "ntasks",   "ntasks-per-node", "open-mode", "output",     "partition",     "qos",
    "requeue",  "reservation",     "signal",    "switches",   "time"};

std::string name_of_option(const std::string& option) {
  return option.substr(2, option.find('=') - 2);
}

/// "--name" or "--name=value", one option each.
void read_options_over(MapReader& map, const std::string& key, std::vector<std::string>& options) {
  read_lines_over(map, key, options);
  const std::optional<ConfigNode> node = map.find_node(key);
  if (!node) return;
  for (const ConfigNode& item : node->items()) {
    const std::string text = item.text();
    const bool is_option = text.size() > 2 && text.starts_with("--");
    const std::string name = is_option ? name_of_option(text) : "";
    if (name.empty() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
      item.fail("is no long option", "write --name=value");
    if (key == "sbatch_options" &&
        std::find(kPlannedOptions.begin(), kPlannedOptions.end(), name) != kPlannedOptions.end())
      item.fail("the planner writes --" + name + " itself", "use the key for it");
  }
}

std::optional<Container> read_container(MapReader& map, std::optional<Container> otherwise) {
  const std::optional<ConfigNode> node = map.find_node("container");
  if (!node) return otherwise;
  MapReader keys(*node);
  Container container;
  const std::optional<ConfigNode> apptainer = keys.find_node("apptainer");
  const std::optional<ConfigNode> pyxis = keys.find_node("pyxis");
  if (apptainer.has_value() == pyxis.has_value())
    node->fail("must name one image", "write apptainer: FILE.sif or pyxis: IMAGE");
  container.runtime = pyxis ? ContainerRuntime::pyxis : ContainerRuntime::apptainer;
  container.image = single_line(pyxis ? *pyxis : *apptainer);
  read_lines_over(keys, "mounts", container.mounts);
  read_options_over(keys, "options", container.options);
  container.bin = single_line(keys.required_node("bin"));
  keys.finish();
  return container;
}

double read_stop_margin(MapReader& map, double otherwise) {
  const std::optional<ConfigNode> node = map.find_node("stop_margin");
  if (!node) return otherwise;
  const std::optional<double> seconds = parse_time_limit_s(*node);
  if (!seconds) node->fail("must be a time", "write 60s");
  return *seconds;
}

std::optional<int> read_max_starts(MapReader& map, std::optional<int> otherwise) {
  const std::optional<int64_t> starts = map.find<int64_t>("max_starts");
  if (!starts) return otherwise;
  if (*starts < 1 || *starts > 10'000) map.required_node("max_starts").fail("must be 1 to 10000");
  return static_cast<int>(*starts);
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
  read_line_over(map, "switches", job.switches);
  read_line_over(map, "mail_user", job.mail_user);
  read_lines_over(map, "mail_type", job.mail_type);
  read_lines_over(map, "exclude", job.exclude);
  read_options_over(map, "sbatch_options", job.sbatch_options);
  read_options_over(map, "srun_options", job.srun_options);
  read_lines_over(map, "modules", job.modules);
  read_environment_over(map, job.environment);
  read_lines_over(map, "setup", job.setup);
  if (const auto node = map.find_node("mpi")) job.mpi = single_line(*node);
  job.container = read_container(map, std::move(job.container));
  if (const auto node = map.find_node("export"))
    job.export_environment = read_enum(*node, kExportModeNames);
  if (const auto node = map.find_node("work_dir")) job.work_dir = single_line(*node);
  if (const auto node = map.find_node("chain")) job.chain = read_enum(*node, kChainModeNames);
  job.max_starts = read_max_starts(map, job.max_starts);
  job.stop_margin_s = read_stop_margin(map, job.stop_margin_s);
  return job;
}

}  // namespace isoflop
