// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

/// What attention on GPUs takes; known without a GPU and without its libraries.
namespace isoflop {

/// cuDNN's flash kernels load rows of 16 bytes.
inline constexpr int64_t kFlashHeadMultiple = 8;
/// Wider ones have no backward pass on any GPU in cuDNN 9.19.
inline constexpr int64_t kFlashMaxHead = 256;
/// Nor have wider ones on a GPU of that compute capability x 10: up to 256 on sm90 (H100) only
/// (tests/trainer/backend/cuda/deviceless).
constexpr int64_t flash_max_head(int sm_version) { return sm_version == 90 ? kFlashMaxHead : 128; }
/// Whether there is a backward pass with first keys (AttentionParams); from sm80 to sm89 there is
/// none.
constexpr bool flash_masks_documents(int sm_version, bool deterministic) {
  return sm_version == 90 || (sm_version >= 100 && !deterministic);
}
/// Of our own kernels: a tile of rows stays in shared memory.
inline constexpr int64_t kTiledMaxHead = 256;

}  // namespace isoflop
