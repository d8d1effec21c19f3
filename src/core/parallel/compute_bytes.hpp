// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"

#include <cstdint>

namespace isoflop {

/// Bytes of master parameters, gradients, optimizer state and reductions in every precision.
inline constexpr int64_t kMasterBytes = 4;

/// Bytes of parameters in use and activations. Throws ConfigError for fp8 and fp4.
int64_t compute_bytes(Precision precision);

}  // namespace isoflop
