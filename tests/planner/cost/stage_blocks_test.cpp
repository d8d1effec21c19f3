// SPDX-License-Identifier: MIT
#include "planner/cost/stage_blocks.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

void expect_blocks(int64_t n_layer, int64_t stages, int64_t first, int64_t middle, int64_t last) {
  const StageBlocks blocks = stage_blocks(n_layer, stages);
  EXPECT_EQ(blocks.first, first) << n_layer << " on " << stages;
  EXPECT_EQ(blocks.middle, middle) << n_layer << " on " << stages;
  EXPECT_EQ(blocks.last, last) << n_layer << " on " << stages;
}

TEST(StageBlocks, are_equal_where_they_divide) {
  expect_blocks(32, 1, 32, 32, 32);
  expect_blocks(32, 4, 8, 8, 8);
}

TEST(StageBlocks, ends_have_one_fewer_where_they_do_not) {
  expect_blocks(126, 16, 7, 8, 7);  // Llama 3 405B, arXiv:2407.21783, section 3.3.2
  expect_blocks(70, 12, 5, 6, 5);   // BLOOM
}

TEST(StageBlocks, the_last_alone_lacks_a_single_block) {
  expect_blocks(7, 2, 4, 4, 3);
  expect_blocks(31, 4, 8, 8, 7);
}

}  // namespace
}  // namespace isoflop
