// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/json_writer.hpp"
#include "core/hardware/cluster.hpp"

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// A value for the cluster file and, where it is not what was seen, why it was assumed and how to
/// find out.
template <typename T>
struct Finding {
  T value{};
  std::optional<std::string> assumed;
};

/// What one rank of a CPU node gets, for the file's `devices`.
struct DetectedCpu {
  int ranks_per_node = 1;
  int cores_per_rank = 1;
  double mem_gb_per_rank = 0;
  std::string source;
};

/// A group of equal nodes. Without `gpu` it is one of CPU nodes.
struct DetectedGroup {
  std::string name;  ///< unique in the cluster
  std::string slurm_partition;
  int nodes = 0;
  Finding<std::string> gpu;
  int gpus_per_node = 0;
  GpuRequest gpu_request = GpuRequest::gpus_per_node;
  /// MiB of a GPU that the catalogue does not know; it is then described under `devices`.
  std::optional<int64_t> unknown_gpu_mem_mib;
  std::optional<DetectedCpu> cpu;
  int cpus_per_node = 1;
  std::optional<double> mem_gb_per_node;
  std::optional<Finding<double>> intra_node_gb_per_s_per_device;  ///< absent: the reader knows it
  std::optional<Finding<double>> inter_node_gb_per_s_per_node;    ///< absent with one node
  std::optional<double> time_limit_s;
  std::optional<std::string> account, qos, constraint;
  std::vector<std::string> remarks;  ///< sentences for the file
};

struct DetectedCluster {
  std::string name;
  std::string how;  ///< "scontrol and sinfo on login1"
  std::vector<DetectedGroup> groups;
  std::vector<std::string> left_out;  ///< what the file does not describe and why
};

/// A cluster file that planner reads as it is: what was seen, what was assumed marked ASSUMED with
/// what to look up, keys that nothing can be said about as commented examples. Throws
/// NothingFitsError without any group.
std::string cluster_document(const DetectedCluster& cluster);

/// One line for each group and for what was left out.
std::string describe_detection(const DetectedCluster& cluster);

/// One object: groups, what was assumed, what was left out.
void write_detection(JsonWriter& json, const DetectedCluster& cluster);

}  // namespace isoflop
