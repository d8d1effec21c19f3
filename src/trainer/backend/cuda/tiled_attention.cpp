// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/tiled_attention.hpp"

#include "core/base/error.hpp"
#include "core/hardware/gpu_attention_limits.hpp"

#include <fmt/format.h>

namespace isoflop::tiled_attention {

void check_shape(const AttentionShape& heads) {
  if (heads.d_head > kTiledMaxHead)
    throw ConfigError(fmt::format(
        "model.d_head is {} (attention_backend sdpa takes up to {} on GPUs); use more, narrower "
        "heads",
        heads.d_head, kTiledMaxHead));
}

}  // namespace isoflop::tiled_attention
