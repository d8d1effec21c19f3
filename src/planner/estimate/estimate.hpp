// SPDX-License-Identifier: MIT
#pragma once

#include "planner/calibration.hpp"
#include "planner/cost/memory_cost.hpp"
#include "planner/cost/step_cost.hpp"
#include "planner/estimate/published_run.hpp"

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

/// GB/s of all network ports of a node, in one direction, of the systems that a GPU is mostly
/// sold in: DGX-1 V100 4 x 100 Gb/s, DGX A100 8 x 200, DGX H100, H200, B200 8 x 400, GB200 NVL72
/// 400 a GPU, GB300 NVL72 800 a GPU (NVIDIA's data sheets).
double usual_node_network(const DeviceSpec& device, int64_t devices_per_node);

}  // namespace isoflop
