// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop::gpu {

/// Bytes of global memory that a kernel moves: what it reads without having written it and what it
/// writes, once where caches hold what is used again. Tests measure kernels and price steps by it.
struct KernelBytes {
  int64_t read = 0;
  int64_t written = 0;
  bool at_most = false;  ///< less for some data
};

/// How a kernel is started: `blocks` along x (and y), `threads` along x per block.
struct LaunchShape {
  const char* name = "";  ///< for messages and traces
  int64_t blocks = 1;
  int threads = 1;
  int64_t shared_bytes = 0;  ///< dynamic shared memory
  int64_t blocks_y = 1;
  KernelBytes bytes = {};
};

}  // namespace isoflop::gpu
