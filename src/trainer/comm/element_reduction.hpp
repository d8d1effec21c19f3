// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/collectives.hpp"

namespace isoflop {

/// out[i] = a[i] op b[i] for n elements; out may be a or b, not overlap them otherwise.
using ElementReduction = void (*)(void* out, const void* a, const void* b, int64_t n);

/// Throws ConfigError for bf16 and f16, which nothing is accumulated in.
ElementReduction element_reduction(DType dtype, ReduceOp op);

}  // namespace isoflop
