// SPDX-License-Identifier: MIT
#include "planner/allocation.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

namespace isoflop {

namespace {

int most_devices(const Allocation& allocation) {
  return allocation.max_gpus_per_job.value_or(std::numeric_limits<int>::max());
}

JobSize exact_size(const Partition& partition, const Allocation& allocation, int n_devices) {
  const int per_node = partition.devices_per_node;
  if (n_devices < 1 || n_devices > partition.devices()) {
    throw ConfigError(
        fmt::format("--gpus is {} (partition '{}' has {} nodes of {}); ask for 1 to {}", n_devices,
                    partition.name, partition.nodes, per_node, partition.devices()));
  }
  if (n_devices > most_devices(allocation)) {
    throw ConfigError(
        fmt::format("--gpus is {} (the cluster file's allocation.max_gpus_per_job is "
                    "{}); ask for less",
                    n_devices, *allocation.max_gpus_per_job));
  }
  if (n_devices > per_node && n_devices % per_node != 0) {
    throw ConfigError(
        fmt::format("--gpus is {} (the nodes of partition '{}' have {}); ask for a "
                    "multiple of {}",
                    n_devices, partition.name, per_node, per_node));
  }
  if (n_devices < per_node) return JobSize{1, n_devices};
  return JobSize{n_devices / per_node, per_node};
}

/// 1, 2, 4 ... below `limit`, then `limit` itself.
std::vector<int> powers_of_two_and(int limit) {
  std::vector<int> values;
  for (int value = 1; value < limit; value *= 2) values.push_back(value);
  if (limit > 0) values.push_back(limit);
  return values;
}

}  // namespace

bool has_job_size(const Partition& partition, int n_devices) {
  const int per_node = partition.devices_per_node;
  return n_devices >= 1 && n_devices <= partition.devices() &&
         (n_devices <= per_node || n_devices % per_node == 0);
}

std::vector<JobSize> job_sizes(const Partition& partition, const Allocation& allocation,
                               std::optional<int> n_devices) {
  if (n_devices) return {exact_size(partition, allocation, *n_devices)};
  const int per_node = partition.devices_per_node;
  std::vector<JobSize> sizes;
  const int most_in_node = std::min(per_node, most_devices(allocation));
  for (const int devices : powers_of_two_and(most_in_node)) {
    if (devices < per_node) sizes.push_back(JobSize{1, devices});
  }
  const int most_nodes = std::min(partition.nodes, most_devices(allocation) / per_node);
  for (const int nodes : powers_of_two_and(most_nodes)) sizes.push_back(JobSize{nodes, per_node});
  return sizes;
}

std::vector<const Partition*> candidate_partitions(const Cluster& cluster,
                                                   const std::optional<std::string>& name) {
  if (name) return {&cluster.partition(*name)};
  std::vector<const Partition*> partitions;
  for (const Partition& partition : cluster.partitions) partitions.push_back(&partition);
  return partitions;
}

}  // namespace isoflop
