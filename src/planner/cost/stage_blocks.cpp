// SPDX-License-Identifier: MIT
#include "planner/cost/stage_blocks.hpp"

namespace isoflop {

StageBlocks stage_blocks(int64_t n_layer, int64_t stages) {
  const int64_t least = n_layer / stages;
  const int64_t most = (n_layer + stages - 1) / stages;
  const int64_t missing = most * stages - n_layer;
  const int64_t first = missing > 1 ? least : most;
  return {.first = first, .middle = stages > 2 ? most : first, .last = least};
}

}  // namespace isoflop
