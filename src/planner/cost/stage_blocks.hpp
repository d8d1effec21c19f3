// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// Blocks of a pipeline's stages. Without a pipeline the only stage is all three.
struct StageBlocks {
  int64_t first = 0;
  int64_t middle = 0;  ///< of every other stage; as first where there are two
  int64_t last = 0;
};

/// Where blocks do not divide, the ends have one fewer, as they hold the tables besides: BLOOM's 70
/// on 12 stages, Llama 3's 126 on 16 (arXiv:2407.21783, section 3.3.2); the last alone where one
/// block is missing.
StageBlocks stage_blocks(int64_t n_layer, int64_t stages);

}  // namespace isoflop
