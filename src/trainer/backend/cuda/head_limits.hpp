// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

/// Widths of heads that attention on GPUs takes; known without a GPU and without its libraries.
namespace isoflop {

/// cuDNN's flash kernels (bf16) load rows of 16 bytes.
inline constexpr int64_t kFlashHeadMultiple = 8;
/// Wider ones have no backward pass on any GPU in cuDNN 9.19.
inline constexpr int64_t kFlashMaxHead = 256;
/// Nor have wider ones on a GPU of that compute capability x 10: up to 256 on sm90 (H100) only
/// (tests/trainer/backend/cuda/deviceless).
constexpr int64_t flash_max_head(int sm_version) { return sm_version == 90 ? kFlashMaxHead : 128; }
/// Of our own kernels (fp32): a tile of rows stays in shared memory.
inline constexpr int64_t kTiledMaxHead = 256;

}  // namespace isoflop
