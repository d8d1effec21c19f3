// SPDX-License-Identifier: MIT
#include "core/parallel/layout.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(Layout, prints_strategy_ranks_batch_and_recomputation) {
  const Layout fsdp{.strategy = ParallelStrategy::fsdp,
                    .n_shard = 8,
                    .micro_batch_size = 4,
                    .grad_accum_steps = 2,
                    .recompute = Recompute::full};
  EXPECT_EQ(to_string(fsdp), "fsdp 8 x micro batch 4 x accumulation 2, recompute full");
  const Layout by_blocks{.recompute = RecomputePlan({{0, 7, BlockParts(Recompute::full)}})};
  EXPECT_EQ(to_string(by_blocks),
            "ddp 1 x micro batch 1 x accumulation 1, recompute full for blocks 0-7");
  const Layout ddp{.n_replica = 2};
  EXPECT_EQ(to_string(ddp), "ddp 2 x micro batch 1 x accumulation 1, recompute none");
}

TEST(Layout, prints_both_sides_of_the_grid_and_how_parameters_are_gathered) {
  const Layout hsdp{.strategy = ParallelStrategy::hsdp,
                    .n_replica = 2,
                    .n_shard = 4,
                    .reshard_after_forward = false,
                    .min_unit_params = 5'000'000};
  EXPECT_EQ(to_string(hsdp),
            "hsdp 2 replicas x 4 shards, micro batch 1 x accumulation 1, recompute none, no "
            "reshard after forward, "
            "units of 5,000,000 parameters or more");
}

TEST(Layout, global_batch_counts_ranks_micro_batch_and_accumulation) {
  const Layout layout{.n_replica = 3, .n_shard = 2, .micro_batch_size = 4, .grad_accum_steps = 5};
  EXPECT_EQ(layout.world_size(), 6);
  EXPECT_EQ(layout.global_batch_size(), 120);
}

}  // namespace
}  // namespace isoflop
