// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/plan/train_config.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

std::string error_of(const LayoutConfig& config, int64_t world_size) {
  return test::message_of<ConfigError>([&] { resolve_layout(config, world_size); });
}

TEST(ResolveLayout, ddp_replicates_and_fsdp_shards_over_all_ranks) {
  LayoutConfig config{.micro_batch_size = 2, .global_batch_size = 24};
  const Layout ddp = resolve_layout(config, 4);
  EXPECT_EQ(ddp.n_replica, 4);
  EXPECT_EQ(ddp.n_shard, 1);
  config.strategy = ParallelStrategy::fsdp;
  const Layout fsdp = resolve_layout(config, 4);
  EXPECT_EQ(fsdp.n_replica, 1);
  EXPECT_EQ(fsdp.n_shard, 4);
  EXPECT_EQ(fsdp.strategy, ParallelStrategy::fsdp);
}

TEST(ResolveLayout, zero_shards_over_all_ranks) {
  for (const auto strategy : {ParallelStrategy::zero1, ParallelStrategy::zero2}) {
    const Layout layout =
        resolve_layout({.strategy = strategy, .micro_batch_size = 2, .global_batch_size = 24}, 4);
    EXPECT_EQ(layout.n_replica, 1);
    EXPECT_EQ(layout.n_shard, 4);
  }
}

TEST(ResolveLayout, hsdp_replicates_groups_of_n_shard_ranks) {
  LayoutConfig config{.strategy = ParallelStrategy::hsdp,
                      .n_shard = 2,
                      .micro_batch_size = 2,
                      .global_batch_size = 24};
  config.fsdp = {.reshard_after_forward = false, .min_unit_params = 7};
  const Layout layout = resolve_layout(config, 6);
  EXPECT_EQ(layout.n_replica, 3);
  EXPECT_EQ(layout.n_shard, 2);
  EXPECT_EQ(layout.grad_accum_steps, 2);
  EXPECT_FALSE(layout.reshard_after_forward);
  EXPECT_EQ(layout.min_unit_params, 7);
  EXPECT_EQ(resolve_layout(config, 2).n_replica, 1);
}

TEST(ResolveLayout, ranks_that_are_not_whole_copies_of_the_model_are_refused) {
  const LayoutConfig config{.strategy = ParallelStrategy::hsdp,
                            .n_shard = 4,
                            .micro_batch_size = 2,
                            .global_batch_size = 24};
  EXPECT_EQ(error_of(config, 6),
            "layout.n_shard is '4' (must divide the 6 ranks of this run); start a multiple of 4 "
            "ranks or change n_shard");
}

TEST(ResolveLayout, accumulation_keeps_the_global_batch_on_any_number_of_ranks) {
  const LayoutConfig config{
      .micro_batch_size = 2, .global_batch_size = 24, .recompute = Recompute::full};
  for (const int64_t world_size : {1, 2, 3, 4, 6, 12}) {
    const Layout layout = resolve_layout(config, world_size);
    EXPECT_EQ(layout.global_batch_size(), 24) << world_size;
    EXPECT_EQ(layout.grad_accum_steps, 12 / world_size);
    EXPECT_EQ(layout.micro_batch_size, 2);
    EXPECT_EQ(layout.recompute, Recompute::full);
  }
}

TEST(ResolveLayout, other_number_of_ranks_than_asked_for_is_refused) {
  const LayoutConfig config{.n_ranks = 4, .micro_batch_size = 2, .global_batch_size = 24};
  EXPECT_EQ(error_of(config, 2),
            "layout.n_ranks is '4' (this run has 2 ranks); start 4 ranks, or change or remove "
            "n_ranks");
}

TEST(ResolveLayout, batch_that_ranks_do_not_divide_is_refused_with_the_next_that_they_do) {
  const LayoutConfig config{.micro_batch_size = 2, .global_batch_size = 24};
  EXPECT_EQ(
      error_of(config, 5),
      "layout.global_batch_size is '24' (must be a multiple of 5 ranks x micro_batch_size 2); "
      "set it to 30, or change the ranks or the micro batch");
}

TEST(ResolveLayout, accumulation_has_a_limit) {
  LayoutConfig config{.micro_batch_size = 2, .global_batch_size = 2 * 65536};
  EXPECT_EQ(resolve_layout(config, 1).grad_accum_steps, 65536);
  config.global_batch_size += 2;
  EXPECT_THAT(
      error_of(config, 1),
      testing::HasSubstr("layout.global_batch_size is '131074' (a step would be 65537 micro "
                         "steps of 1 ranks x micro_batch_size 2, at most 65536"));
}

}  // namespace
}  // namespace isoflop
