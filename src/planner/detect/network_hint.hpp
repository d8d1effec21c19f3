// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"
#include "planner/detect/detected_cluster.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What a node sends in one direction, GB/s: one port of the InfiniBand generation that a feature
/// names (edr, hdr100, ndr ...), else 12.5 (100 Gb/s) for GPU nodes and 1.25 for CPU nodes. Slurm
/// does not know networks, so that it is always assumed.
Finding<double> network_from_features(const std::vector<std::string>& features, bool has_gpus);

/// Between the devices of a node where nothing is known: 5 GB/s.
Finding<double> assumed_intra_node();

/// True when the reader of cluster files knows the speed between the GPUs of a node itself.
bool knows_intra_node(const DeviceSpec& gpu, int gpus_per_node);

/// The sum over active InfiniBand and RoCE ports of this node, GB/s in one direction; absent
/// without any. `folder` is /sys/class/infiniband.
std::optional<double> active_ports_gb_per_s(const std::filesystem::path& folder);

}  // namespace isoflop
