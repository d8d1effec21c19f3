// SPDX-License-Identifier: MIT
#include "planner/what_if/searched_layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

SearchedLayout megatron() {
  return {.parallel = {.strategy = ParallelStrategy::zero1,
                       .data = 8,
                       .shard = 8,
                       .tensor = 8,
                       .pipeline = 16,
                       .virtual_pipeline = 2,
                       .sequence_parallel = true,
                       .micro_batch = 1,
                       .n_micro_batch = 64},
          .recompute = {.whole = 1, .blocks = 3, .selective = true}};
}

TEST(SearchedLayout, names_its_groups) {
  EXPECT_EQ(to_string(megatron()),
            "tensor 8 (sequence parallel) x pipeline 16 (2 chunks) x data 8, zero1 over 8, micro "
            "batch 1 x accumulation 64, recompute full for 1 of 3 blocks, selective for the rest");
}

TEST(SearchedLayout, says_what_the_trainer_lacks) {
  EXPECT_THAT(missing_parallelism(megatron()),
              ElementsAre("tensor parallelism", "interleaved pipeline parallelism"));
  SearchedLayout groups{.parallel = {.strategy = ParallelStrategy::zero1, .data = 8, .shard = 4},
                        .recompute = {}};
  EXPECT_THAT(missing_parallelism(groups), ElementsAre("zero1 in groups of ranks"));
  EXPECT_FALSE(trainer_runs(groups));
  groups.parallel.shard = 8;
  EXPECT_THAT(missing_parallelism(groups), IsEmpty());
  EXPECT_TRUE(trainer_runs(groups));
}

TEST(SearchedLayout, those_that_the_trainer_runs_are_its_own) {
  const SearchedLayout layout{.parallel = {.strategy = ParallelStrategy::hsdp,
                                           .data = 16,
                                           .shard = 8,
                                           .regathers = false,
                                           .micro_batch = 4,
                                           .n_micro_batch = 2},
                              .recompute = {.whole = 3, .blocks = 32}};
  EXPECT_EQ(to_string(layout),
            "hsdp 2 replicas x 8 shards, micro batch 4 x accumulation 2, recompute full for blocks "
            "0-2, no reshard after forward");
}

TEST(SearchedLayout, data_ranks_see_the_whole_batch) {
  EXPECT_EQ(trainer_layout(megatron()).global_batch_size(), megatron().parallel.global_batch());
}

TEST(RecomputeChoice, shares_are_averages_over_blocks) {
  const RecomputeShare share =
      recompute_share({.whole = 1, .blocks = 4, .selective = true}, SelectiveRule::attention);
  EXPECT_DOUBLE_EQ(share.products, 0.25);
  EXPECT_DOUBLE_EQ(share.attention, 1);
  EXPECT_DOUBLE_EQ(share.elementwise, 0.25);
  EXPECT_DOUBLE_EQ(share.whole_blocks, 0.25);
  EXPECT_EQ(recompute_share({.whole = 4, .blocks = 4}, SelectiveRule::attention),
            recompute_share(Recompute::full, SelectiveRule::attention));
}

}  // namespace
}  // namespace isoflop
