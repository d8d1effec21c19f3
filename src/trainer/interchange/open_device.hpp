// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/interchange/saved_model.hpp"

namespace isoflop {

/// A device for forward passes and the model's shape with an attention backend that it has.
struct OpenDevice {
  Backend backend;
  ModelShape shape;
};

/// Opens a device in the precision that the run had. Collective. Throws ConfigError for a model
/// that it has no kernels for, DeviceMissingError.
OpenDevice open_device(const SavedModel& model, DeviceKind device, Launch& launch);

}  // namespace isoflop
