// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime.h>

namespace isoflop {

/// A pool of a GPU's memory, from which what is freed goes back to the driver.
cudaMemPool_t make_memory_pool(int ordinal);

}  // namespace isoflop
