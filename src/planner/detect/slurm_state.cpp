// SPDX-License-Identifier: MIT
#include "planner/detect/slurm_state.hpp"

#include "core/base/error.hpp"
#include "core/base/letter_case.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>

namespace isoflop {
namespace {

using Record = std::map<std::string, std::string, std::less<>>;

bool is_key_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':' || c == '/';
}

/// Where "Key=" begins at or after `from`, at the start of the line or after a blank; npos:
/// nowhere.
std::size_t find_key(std::string_view line, std::size_t from) {
  for (std::size_t begin = from; begin < line.size(); ++begin) {
    if (begin > 0 && line[begin - 1] != ' ') continue;
    std::size_t end = begin;
    while (end < line.size() && is_key_character(line[end])) ++end;
    if (end > begin && end < line.size() && line[end] == '=') return begin;
  }
  return std::string_view::npos;
}

/// "A=1 B=two words C=3". Values may hold blanks and '='; of a key given twice the first counts, so
/// that free text at the end (Reason, Comment) changes nothing.
Record read_record(std::string_view line) {
  Record record;
  std::size_t begin = find_key(line, 0);
  while (begin != std::string_view::npos) {
    const std::size_t equals = line.find('=', begin);
    const std::size_t next = find_key(line, equals + 1);
    const std::string_view value = line.substr(equals + 1, next - equals - 1);
    record.emplace(line.substr(begin, equals - begin), trimmed(value));
    begin = next;
  }
  return record;
}

/// Absent for a missing key and for what Slurm writes in place of a value.
std::optional<std::string> find(const Record& record, std::string_view key) {
  static constexpr std::array kNothing = {"", "(null)", "N/A", "n/a", "NONE"};
  const auto found = record.find(key);
  if (found == record.end()) return std::nullopt;
  if (std::find(kNothing.begin(), kNothing.end(), found->second) != kNothing.end())
    return std::nullopt;
  return found->second;
}

/// Absent for "UNLIMITED" too.
std::optional<double> find_number(const Record& record, std::string_view key) {
  const std::optional<std::string> text = find(record, key);
  return text ? leading_number(*text) : std::nullopt;
}

std::vector<std::string> find_list(const Record& record, std::string_view key) {
  const std::optional<std::string> text = find(record, key);
  if (!text || *text == "ALL") return {};
  return split_list(*text);
}

std::optional<int> find_count(const Record& record, std::string_view key) {
  const std::optional<double> number = find_number(record, key);
  return number && *number >= 1 ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

/// The GRES of a node, or what CfgTRES counts where Gres says nothing.
std::string gres_of(const Record& record) {
  if (const std::optional<std::string> gres = find(record, "Gres")) return *gres;
  std::string best;
  for (const std::string& tres : find_list(record, "CfgTRES")) {
    if (tres.starts_with("gres/gpu") && (best.empty() || tres.find(':') != std::string::npos))
      best = tres;
  }
  return best;
}

SlurmNode read_node(const Record& record) {
  SlurmNode node;
  node.name = find(record, "NodeName").value_or("");
  node.health = node_health(find(record, "State").value_or("UNKNOWN"));
  node.partitions = find_list(record, "Partitions");
  node.gres = gres_of(record);
  node.features = find_list(record, "ActiveFeatures");
  if (node.features.empty()) node.features = find_list(record, "Features");
  // CPUEfctv (Slurm 22.05 and newer) leaves out cores kept for the system.
  node.cpus = find_count(record, "CPUEfctv").value_or(find_count(record, "CPUTot").value_or(1));
  node.mem_mb = find_number(record, "RealMemory").value_or(0) -
                find_number(record, "MemSpecLimit").value_or(0);
  node.sockets = find_count(record, "Sockets").value_or(1);
  node.threads_per_core = find_count(record, "ThreadsPerCore").value_or(1);
  return node;
}

bool is_future(const Record& record) {
  return find(record, "State").value_or("").starts_with("FUTURE");
}

SlurmPartition read_partition(const Record& record) {
  SlurmPartition partition;
  partition.name = find(record, "PartitionName").value_or("");
  partition.is_up = find(record, "State").value_or("UP") == "UP" &&
                    find(record, "RootOnly").value_or("NO") == "NO";
  partition.time_limit_s = slurm_limit_s(find(record, "MaxTime").value_or("UNLIMITED"));
  partition.max_nodes = find_count(record, "MaxNodes");
  partition.max_cpus_per_node = find_count(record, "MaxCPUsPerNode");
  partition.max_mem_mb_per_node = find_number(record, "MaxMemPerNode");
  partition.default_mem_mb_per_node = find_number(record, "DefMemPerNode");
  partition.default_mem_mb_per_cpu = find_number(record, "DefMemPerCPU");
  partition.allow_accounts = find_list(record, "AllowAccounts");
  partition.allow_qos = find_list(record, "AllowQos");
  partition.allow_groups = find_list(record, "AllowGroups");
  return partition;
}

SlurmNode read_sinfo_node(const std::vector<std::string>& fields) {
  SlurmNode node;
  node.partitions = {fields[0]};
  node.count = static_cast<int>(leading_number(fields[3]).value_or(0));
  node.health = node_health(fields[4]);
  node.cpus = std::max(1, static_cast<int>(leading_number(fields[5]).value_or(1)));
  node.mem_mb = leading_number(fields[6]).value_or(0);
  if (fields[7] != "(null)" && fields[7] != "N/A") node.gres = fields[7];
  if (fields[8] != "(null)" && fields[8] != "N/A") node.features = split_list(fields[8]);
  node.name = fields[9];
  return node;
}

bool has_partition(const SlurmState& state, const std::string& name) {
  return std::any_of(state.partitions.begin(), state.partitions.end(),
                     [&](const SlurmPartition& partition) { return partition.name == name; });
}

}  // namespace

NodeHealth node_health(std::string_view state) {
  static constexpr std::array kDown = {"DOWN",    "FAIL",       "FAILING",        "ERROR",
                                       "UNKNOWN", "UNK",        "NOT_RESPONDING", "INVAL",
                                       "FUTURE",  "INVALID_REG"};
  NodeHealth health = NodeHealth::usable;
  for (std::string word : split(upper_case(state), '+')) {
    const bool silent = word.find('*') != std::string::npos;  // not responding
    word.resize(std::min(word.size(), word.find_first_of("*~#!%$@^-")));
    if (silent || std::find(kDown.begin(), kDown.end(), word) != kDown.end())
      return NodeHealth::down;
    if (word.starts_with("DRAIN")) health = NodeHealth::drained;
  }
  return health;
}

std::optional<double> slurm_limit_s(std::string_view text) {
  const std::string upper = upper_case(text);
  if (upper == "UNLIMITED" || upper == "INFINITE" || upper == "N/A" || upper == "NONE")
    return std::nullopt;
  const std::size_t dash = text.find('-');
  const bool has_days = dash != std::string_view::npos;
  const std::vector<std::string> clock = split(has_days ? text.substr(dash + 1) : text, ':');
  // With days hours come first; without, one field is minutes and two are minutes and seconds.
  static constexpr std::array kUnits = {3600.0, 60.0, 1.0};
  const std::size_t first_unit = has_days || clock.size() == 3 ? 0 : 1;
  double seconds = has_days ? 86400 * leading_number(text.substr(0, dash)).value_or(NAN) : 0;
  for (std::size_t i = 0; i < clock.size() && i + first_unit < kUnits.size(); ++i)
    seconds += kUnits[i + first_unit] * leading_number(clock[i]).value_or(NAN);
  if (std::isnan(seconds) || clock.size() > 3)
    throw ConfigError(fmt::format("'{}' (not a time limit that Slurm prints)", text));
  return seconds;
}

std::vector<SlurmNode> read_scontrol_nodes(std::string_view text) {
  std::vector<SlurmNode> nodes;
  for (const std::string& line : split(text, '\n')) {
    const Record record = read_record(line);
    if (record.contains("NodeName") && !is_future(record)) nodes.push_back(read_node(record));
  }
  return nodes;
}

std::vector<SlurmPartition> read_scontrol_partitions(std::string_view text) {
  std::vector<SlurmPartition> partitions;
  for (const std::string& line : split(text, '\n')) {
    const Record record = read_record(line);
    if (record.contains("PartitionName")) partitions.push_back(read_partition(record));
  }
  return partitions;
}

std::optional<std::string> read_cluster_name(std::string_view text) {
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with("ClusterName")) continue;
    const std::string name = trimmed(std::string_view(line).substr(line.find('=') + 1));
    if (!name.empty() && name != "(null)") return name;
  }
  return std::nullopt;
}

SlurmState read_sinfo(std::string_view text) {
  SlurmState state;
  for (const std::string& line : split(text, '\n')) {
    if (trimmed(line).empty()) continue;
    const std::vector<std::string> fields = split(line, '|');
    if (fields.size() != 10)
      throw ConfigError(
          fmt::format("sinfo: '{}' (10 fields expected, {} found)", line, fields.size()));
    state.nodes.push_back(read_sinfo_node(fields));
    if (has_partition(state, fields[0])) continue;
    SlurmPartition partition;
    partition.name = fields[0];
    partition.is_up = fields[1] == "up";
    partition.time_limit_s = slurm_limit_s(fields[2]);
    state.partitions.push_back(partition);
  }
  return state;
}

}  // namespace isoflop
