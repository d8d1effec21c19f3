// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"

namespace isoflop {

/// Throws ConfigError naming what of the configuration has no kernels on its device, which is
/// chosen already.
void check_device_support(const TrainConfig& config);

/// This rank's device and ops.
Backend make_backend(const TrainConfig& config, const RankInfo& info);

}  // namespace isoflop
