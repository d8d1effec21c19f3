// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/device_spec.hpp"
#include "core/hardware/gpu_catalog.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace isoflop {

/// A device that a cluster file defines itself.
struct DefinedDevice {
  DeviceSpec spec;
  std::string how;  ///< where its figures come from, for humans
};

using DefinedDevices = std::map<std::string, DefinedDevice>;

/// The devices of a cluster file: those under `devices`, and over them those of `device_file`
/// (written by `trainer bench --out`). A device_file that does not exist yet is allowed when
/// `devices` defines something to go on with; each of those then says so in `how`.
DefinedDevices read_cluster_devices(MapReader& cluster, const std::filesystem::path& folder,
                                    const GpuCatalog& catalog);

}  // namespace isoflop
