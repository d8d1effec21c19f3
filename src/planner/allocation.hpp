// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"

#include <optional>
#include <vector>

namespace isoflop {

/// What one job takes of a partition.
struct JobSize {
  int nodes = 1;
  int devices_per_node = 1;

  int devices() const { return nodes * devices_per_node; }
  bool whole_nodes(const Partition& partition) const {
    return devices_per_node == partition.devices_per_node;
  }
};

/// The sizes worth planning, smallest first: powers of two within a node, powers of two of whole
/// nodes, and the largest that partition and allocation allow. With `n_devices` only that size.
/// Throws ConfigError when the partition or the allocation cannot give `n_devices`.
std::vector<JobSize> job_sizes(const Partition& partition, const Allocation& allocation,
                               std::optional<int> n_devices);

/// Whether a job can have that many devices there: part of one node, or whole nodes.
bool has_job_size(const Partition& partition, int n_devices);

/// The partitions to plan on: all of them, or the one asked for. Throws ConfigError.
std::vector<const Partition*> candidate_partitions(const Cluster& cluster,
                                                   const std::optional<std::string>& name);

}  // namespace isoflop
