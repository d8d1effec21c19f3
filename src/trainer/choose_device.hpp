// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"

#include <functional>
#include <optional>
#include <string>

namespace isoflop {

/// why_no_cuda_device, or what a test puts in its place.
using GpuProbe = std::function<std::optional<std::string>(int local_rank)>;

/// `asked`, with automatic decided: cuda when every rank has a GPU, cpu (said in one line) when
/// none has. Throws ConfigError when only some have one, with the first ranks of both kinds.
/// Collective over all ranks.
DeviceKind choose_device(DeviceKind asked, Launch& launch,
                         const GpuProbe& probe = why_no_cuda_device);

}  // namespace isoflop
