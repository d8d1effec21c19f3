// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/gpu_catalog.hpp"
#include "planner/detect/detected_cluster.hpp"
#include "planner/detect/slurm_state.hpp"

namespace isoflop {

/// Which partitions to describe.
enum class CpuPartitions { only_without_gpus, always };

/// Equal usable nodes of each partition that is up, as groups for a cluster file. Nodes are equal
/// with the same GPUs, the same CPUs and memory within 10 %; of memory the least counts. Drained
/// and down nodes are counted in the remarks only. `how` says where the state is from.
DetectedCluster group_nodes(const SlurmState& state, const GpuCatalog& catalog,
                            CpuPartitions cpu_partitions, const std::string& how);

}  // namespace isoflop
