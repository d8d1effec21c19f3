// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "planner/calibration.hpp"
#include "planner/cost/memory_cost.hpp"
#include "planner/cost/step_cost.hpp"
#include "planner/estimate/published_run.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace isoflop {

/// What the planner expects of a published run.
struct RunEstimate {
  ParallelLayout layout;  ///< the run's, with the micro batch that was chosen where it states none
  StepTime step;
  DeviceMemory memory;
  double tokens_per_s_per_device = 0;
};

/// A run that does not state its micro batch has the fastest that fits. Links are the GPU's
/// scale-up domain and, between nodes, what the program's runs say or what the GPU's usual node has
/// (usual_node_network).
RunEstimate estimate_run(const PublishedRun& run, const Calibration& calibration);

/// The run's layout, or all that it may have had: where it states no micro batch, twice, four
/// times, ... as large ones that fit.
std::vector<ParallelLayout> possible_layouts(const PublishedRun& run,
                                             const Calibration& calibration);
/// Device, links and program of the run.
Machine machine_of(const PublishedRun& run, const Calibration& calibration);

/// Nodes that a GPU is mostly sold in; network GB/s a node where the caller knows better.
Partition usual_nodes(const DeviceSpec& device, int64_t devices_per_node,
                      std::optional<double> network_gb_per_s_per_node);

/// GB/s of all network ports of a node, in one direction, of the systems that a GPU is mostly
/// sold in: DGX-1 V100 4 x 100 Gb/s, DGX A100 8 x 200, DGX H100, H200, B200 8 x 400, GB200 NVL72
/// 400 a GPU, GB300 NVL72 800 a GPU (NVIDIA's data sheets).
double usual_node_network(const DeviceSpec& device, int64_t devices_per_node);

}  // namespace isoflop
