// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Whether jobs can run on a node sooner or later.
enum class NodeHealth { usable, drained, down };

/// One node, or several equal ones, as Slurm describes them.
struct SlurmNode {
  std::string name;  ///< or a list of names
  int count = 1;
  NodeHealth health = NodeHealth::usable;
  std::vector<std::string> partitions;
  std::string gres;  ///< "gpu:h100:8(S:0-1),lscratch:1"; empty without
  std::vector<std::string> features;
  int cpus = 0;       ///< that jobs may use
  double mem_mb = 0;  ///< MiB that jobs may use
  int sockets = 1;
  int threads_per_core = 1;  ///< CPUs count hardware threads where this is 2
};

/// A partition and its limits; absent means unlimited or not restricted.
struct SlurmPartition {
  std::string name;
  bool is_up = true;
  std::optional<double> time_limit_s;
  std::optional<int> max_nodes;
  std::optional<int> max_cpus_per_node;
  std::optional<double> max_mem_mb_per_node;
  std::optional<double> default_mem_mb_per_node;
  std::optional<double> default_mem_mb_per_cpu;
  std::vector<std::string> allow_accounts;
  std::vector<std::string> allow_qos;
  std::vector<std::string> allow_groups;
};

/// All that `planner detect slurm` learns from Slurm.
struct SlurmState {
  std::optional<std::string> cluster_name;
  std::vector<SlurmNode> nodes;
  std::vector<SlurmPartition> partitions;  ///< in Slurm's order
};

/// "IDLE+DRAIN", "down*", "mixed~" ...: powered-down, reserved and rebooting nodes count as usable.
NodeHealth node_health(std::string_view state);

/// Seconds of a limit as Slurm prints it: "7-00:00:00", "12:00:00", "30:00" (minutes and seconds),
/// "90" (minutes); absent for UNLIMITED, infinite and n/a. Throws ConfigError for anything else.
std::optional<double> slurm_limit_s(std::string_view text);

/// `scontrol show node -o`, a line for each node, of Slurm 17 to 25. Nodes in state FUTURE are left
/// out.
std::vector<SlurmNode> read_scontrol_nodes(std::string_view text);

/// `scontrol show partition -o`.
std::vector<SlurmPartition> read_scontrol_partitions(std::string_view text);

/// ClusterName of `scontrol show config`.
std::optional<std::string> read_cluster_name(std::string_view text);

/// What read_sinfo reads: sinfo -h -a -e -o kSinfoFormat.
inline constexpr const char* kSinfoFormat = "%R|%a|%l|%D|%T|%c|%m|%G|%f|%N";

/// Nodes and partitions from sinfo alone, which knows fewer limits. Throws ConfigError for a line
/// of another form.
SlurmState read_sinfo(std::string_view text);

}  // namespace isoflop
