// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

/// Widths of heads that attention on GPUs takes; known without a GPU and without its libraries.
namespace isoflop {

/// cuDNN's flash kernels (bf16) load rows of 16 bytes.
inline constexpr int64_t kFlashHeadMultiple = 8;
/// Wider ones have no backward pass on any GPU in cuDNN 9.19; 256 has one on H100 only
/// (tests/trainer/backend/cuda/deviceless).
inline constexpr int64_t kFlashMaxHead = 256;
/// Of our own kernels (fp32): a tile of rows stays in shared memory.
inline constexpr int64_t kTiledMaxHead = 256;

}  // namespace isoflop
