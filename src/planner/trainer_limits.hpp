// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"
#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// Whether the GPU has an architecture that the trainer is built for by default
/// (cmake/IsoflopCuda.cmake).
bool trainer_has_kernels(const DeviceSpec& gpu);

/// Whether the trainer trains in it.
bool trainer_computes_in(Precision precision);

/// What the trainer lacks on this device, whatever the layout: "fp8 on GPUs", "experts"; empty when
/// nothing.
std::vector<std::string> missing_kernels(const DeviceSpec& device, Precision precision,
                                         const ModelShape& shape);

}  // namespace isoflop
