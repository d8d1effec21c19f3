// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"

namespace isoflop {

/// This rank's device and ops.
Backend make_backend(const TrainConfig& config, const RankInfo& info);

}  // namespace isoflop
