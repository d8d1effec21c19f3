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
  const Layout ddp{.n_replica = 2};
  EXPECT_EQ(to_string(ddp), "ddp 2 x micro batch 1 x accumulation 1, recompute none");
}

TEST(Layout, global_batch_counts_ranks_micro_batch_and_accumulation) {
  const Layout layout{.n_replica = 3, .n_shard = 2, .micro_batch_size = 4, .grad_accum_steps = 5};
  EXPECT_EQ(layout.world_size(), 6);
  EXPECT_EQ(layout.global_batch_size(), 120);
}

}  // namespace
}  // namespace isoflop
