// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/device_spec.hpp"

namespace isoflop {

class GpuCatalog;

/// Reads the keys of one device (the form of data/gpus.yaml and of a cluster file's devices) over
/// the values of `base`; leaves other keys to the caller, who calls finish(). Throws ConfigError
/// for missing or impossible values.
DeviceSpec read_device_keys(MapReader& map, DeviceSpec base);

/// A device of a cluster file: `kind` (gpu or cpu), all keys of a catalogue entry, and for GPUs
/// `like: NAME` to start from a catalogue entry. A peak that is a catalogue GPU's sparse figure is
/// refused unless sparse_tflops is stated beside it.
DeviceSpec read_device(const std::string& name, const ConfigNode& node, const GpuCatalog& catalog);

}  // namespace isoflop
