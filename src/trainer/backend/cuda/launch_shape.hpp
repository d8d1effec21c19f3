// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop::gpu {

/// How a kernel is started: `blocks` along x (and y), `threads` along x per block.
struct LaunchShape {
  const char* name = "";  ///< for messages and traces
  int64_t blocks = 1;
  int threads = 1;
  int64_t shared_bytes = 0;  ///< dynamic shared memory
  int64_t blocks_y = 1;
};

}  // namespace isoflop::gpu
