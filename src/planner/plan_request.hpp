// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/gpu_catalog.hpp"
#include "planner/options.hpp"
#include "planner/plan.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// What `auto` as a cluster file stands for: the text of a cluster file of this node. Absent for a
/// file.
std::optional<std::string> detected_cluster(const Options& options, const GpuCatalog& catalog);

/// The cluster that the options name, or the detected one. Throws FileError and ConfigError.
Cluster find_cluster(const Options& options, const std::optional<std::string>& detected,
                     const GpuCatalog& catalog);

/// Models, laws and data that the options name are read. Throws FileError, and ConfigError also for
/// goals that contradict each other.
PlanRequest make_request(const Options& options, Cluster cluster);

}  // namespace isoflop
