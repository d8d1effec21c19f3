// SPDX-License-Identifier: MIT
#include "planner/cost/parallel_layout.hpp"

#include "planner/cost/cost_fixtures.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(ParallelLayout, a_layout_of_the_trainer_has_no_model_ranks) {
  const Layout layout{.strategy = ParallelStrategy::hsdp,
                      .n_replica = 2,
                      .n_shard = 4,
                      .micro_batch_size = 3,
                      .grad_accum_steps = 5};
  const ParallelLayout parallel = parallel_layout(layout, test::small_shape());
  EXPECT_EQ(parallel.data, 8);
  EXPECT_EQ(parallel.shard, 4);
  EXPECT_EQ(parallel.devices(), 8);
  EXPECT_EQ(parallel.global_batch(), layout.global_batch_size());
  EXPECT_EQ(parallel.recompute, RecomputeShare{});
}

// The last block is not run again, nor the last product of any pre-norm block.
TEST(RecomputeShare, full_runs_all_blocks_but_the_last_again) {
  ModelShape shape = test::small_shape();
  shape.n_layer = 4;
  EXPECT_EQ(recompute_share(RecomputePlan(Recompute::full), shape),
            (RecomputeShare{0.75, 0, 0.75, 0.75, 0, 0.75}));
  shape.norm_position = NormPosition::post;
  EXPECT_EQ(recompute_share(RecomputePlan(Recompute::full), shape).last_product, 0.75);
}

TEST(RecomputeShare, ranges_count_their_blocks) {
  ModelShape shape = test::small_shape();
  shape.n_layer = 8;
  const RecomputePlan plan({{0, 1, {BlockPart::attention}}, {6, 7, {BlockPart::norms}}});
  const RecomputeShare share = recompute_share(plan, shape);
  EXPECT_DOUBLE_EQ(share.attention, 1.0 / 8);    // of blocks 0 and 1 the first
  EXPECT_DOUBLE_EQ(share.elementwise, 0.5 / 8);  // of blocks 6 and 7 the first
  EXPECT_EQ(share.products, 0);
}

TEST(RecomputeShare, other_programs_mean_other_things_by_selective) {
  EXPECT_EQ(recompute_share(Recompute::selective, SelectiveRule::attention).attention, 1);
  EXPECT_EQ(recompute_share(Recompute::selective, SelectiveRule::attention).products, 0);
  EXPECT_EQ(recompute_share(Recompute::selective, SelectiveRule::half_of_products).products, 0.5);
  EXPECT_EQ(recompute_share(Recompute::full, SelectiveRule::attention).last_product, 1);
}

}  // namespace
}  // namespace isoflop
