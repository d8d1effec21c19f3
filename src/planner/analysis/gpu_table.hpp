// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/json_writer.hpp"
#include "core/base/table/table.hpp"
#include "core/hardware/device_spec.hpp"
#include "core/hardware/gpu_catalog.hpp"

#include <span>
#include <string>

namespace isoflop {

/// Dense peaks, memory, bandwidth and measured ceilings, a row a GPU.
Table gpu_table(std::span<const DeviceSpec> gpus);

/// All that the catalogue knows of a GPU, labelled lines.
std::string describe_gpu(const GpuMatch& match);

/// One object; keys whose value is unknown are left out.
void write_gpu(JsonWriter& json, const DeviceSpec& gpu);

}  // namespace isoflop
