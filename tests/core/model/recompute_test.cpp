// SPDX-License-Identifier: MIT
#include "core/model/recompute.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr BlockParts kNone;
constexpr BlockParts kNorms = {BlockPart::norms};
constexpr BlockParts kSelective(Recompute::selective);
constexpr BlockParts kFull(Recompute::full);

TEST(BlockParts, a_part_is_alone_unless_the_whole_block_runs) {
  EXPECT_TRUE(kNorms.has_alone(BlockPart::norms));
  EXPECT_TRUE(kSelective.has_alone(BlockPart::activations));
  EXPECT_FALSE(kNorms.has_alone(BlockPart::activations));
  EXPECT_FALSE(kFull.has_alone(BlockPart::activations));
}

TEST(BlockParts, of_a_mode_are_none_the_cheap_ones_or_all) {
  EXPECT_TRUE(BlockParts(Recompute::none).empty());
  EXPECT_EQ(kSelective,
            (BlockParts{BlockPart::norms, BlockPart::activations, BlockPart::attention}));
  EXPECT_EQ(kFull, BlockParts{BlockPart::rest});
  EXPECT_EQ(kFull & kSelective, kSelective);
  EXPECT_EQ(kNorms.mode(), Recompute::selective);
  EXPECT_EQ(kFull.mode(), Recompute::full);
  EXPECT_EQ(kNone.mode(), Recompute::none);
}

TEST(RecomputePlan, converts_from_a_mode_and_compares_with_it) {
  const RecomputePlan plan = Recompute::full;
  EXPECT_TRUE(plan.is_uniform());
  EXPECT_EQ(plan, Recompute::full);
  EXPECT_NE(plan, Recompute::selective);
  EXPECT_EQ(RecomputePlan(), Recompute::none);
  EXPECT_EQ(plan.parts(99), kFull);
}

TEST(RecomputePlan, ranges_cover_all_blocks_and_those_not_named_keep_everything) {
  const RecomputePlan plan({{8, 9, kNorms}, {2, 4, kFull}});
  EXPECT_EQ(plan.parts(1), kNone);
  EXPECT_EQ(plan.parts(2), kFull);
  EXPECT_EQ(plan.parts(5), kNone);
  EXPECT_EQ(plan.parts(9), kNorms);
  EXPECT_EQ(plan.parts_of_any(), kFull);
  EXPECT_THAT(plan.ranges(12),
              testing::ElementsAre(RecomputeRange{0, 1, kNone}, RecomputeRange{2, 4, kFull},
                                   RecomputeRange{5, 7, kNone}, RecomputeRange{8, 9, kNorms},
                                   RecomputeRange{10, 11, kNone}));
  EXPECT_THAT(RecomputePlan(Recompute::full).ranges(12),
              testing::ElementsAre(RecomputeRange{0, 11, kFull}));
}

TEST(RecomputePlan, backward_finds_the_last_block_as_forward_left_it) {
  const RecomputePlan again = RecomputePlan(Recompute::full).in_backward(12);
  EXPECT_THAT(again.ranges(12),
              testing::ElementsAre(RecomputeRange{0, 10, kFull}, RecomputeRange{11, 11, kNone}));
  EXPECT_EQ(RecomputePlan(kNorms).in_backward(1).parts(0), kNone);
  EXPECT_EQ(RecomputePlan().in_backward(2).parts_of_any(), kNone);
}

// Block 5 shares its norms with block 8 and nothing else with a block behind it.
TEST(RecomputePlan, backward_runs_a_part_again_in_front_of_the_last_block_that_shares_it) {
  const RecomputePlan again = RecomputePlan({{0, 5, kFull}, {7, 8, kNorms}}).in_backward(10);
  EXPECT_EQ(again.parts(4), kFull);
  EXPECT_EQ(again.parts(5), kNorms);
  EXPECT_EQ(again.parts(6), kNone);
  EXPECT_EQ(again.parts(7), kNorms);
  EXPECT_EQ(again.parts(8), kNone);
  EXPECT_EQ(again.parts(9), kNone);
}

TEST(RecomputePlan, backward_of_parts_in_front_of_whole_blocks_skips_nothing) {
  const RecomputePlan again = RecomputePlan({{0, 1, kNorms}, {2, 3, kFull}}).in_backward(4);
  EXPECT_EQ(again.parts(1), kNorms);
  EXPECT_EQ(again.parts(2), kFull);
  EXPECT_EQ(again.parts(3), kNone);
}

TEST(RecomputePlan, text_names_parts_and_blocks) {
  EXPECT_EQ(to_string(RecomputePlan()), "none");
  EXPECT_EQ(to_string(RecomputePlan(Recompute::full)), "full");
  EXPECT_EQ(to_string(RecomputePlan(Recompute::selective)),
            "selective (norms, activations, attention)");
  EXPECT_EQ(to_string(RecomputePlan({{0, 7, kFull}})), "full for blocks 0-7");
  EXPECT_EQ(to_string(RecomputePlan({{0, 7, kFull}, {8, 8, kNorms}})),
            "full for blocks 0-7, selective (norms) for block 8");
}

}  // namespace
}  // namespace isoflop
