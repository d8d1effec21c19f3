// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/gpu_catalog.hpp"
#include "planner/detect/detected_cluster.hpp"
#include "planner/detect/slurm_state.hpp"

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// The whole GPUs of a node.
struct NodeGpus {
  std::optional<std::string> type;  ///< GRES type; absent in "gpu:8"
  int count = 0;
};

/// The GRES entries that are whole GPUs; MIG slices, shards and other resources are left out.
std::vector<NodeGpus> whole_gpus(const std::string& gres);
/// True when the node offers slices of GPUs.
bool has_gpu_slices(const std::string& gres);

/// What a cluster file says of such GPUs.
struct GpuChoice {
  Finding<std::string> text;       ///< for `gpu:`
  std::optional<DeviceSpec> spec;  ///< what it stands for
  GpuRequest request = GpuRequest::gpus_per_node;
  std::vector<std::string> remarks;
};

/// By GRES type, narrowed by a feature that names the same family in more detail, else by features
/// and the partition's name, else assumed.
GpuChoice choose_gpu(const NodeGpus& gpus, const std::vector<std::string>& features,
                     const std::string& partition, const GpuCatalog& catalog);

}  // namespace isoflop
