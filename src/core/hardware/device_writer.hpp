// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"

#include <string>

namespace isoflop {

/// A YAML document with this device under `devices`: what a cluster file's device_file names. Reads
/// back as the same device.
std::string device_document(const DeviceSpec& device);

}  // namespace isoflop
