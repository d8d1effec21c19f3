// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_space.hpp"

#include "planner/cost/cost_fixtures.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace isoflop {
namespace {

int64_t visits(const LayoutJob& job) {
  int64_t n = 0;
  for (const Split& split : all_splits(job))
    if (!broken_rule(job, split)) for_each_layout(job, split, [&](const SearchedLayout&) { ++n; });
  return n;
}

class LayoutSpace : public testing::Test {
 protected:
  LayoutJob job(int64_t n_devices, int64_t batch) const {
    return {.shape = shape_,
            .n_devices = n_devices,
            .fast_domain = 8,
            .seq_len = 128,
            .global_batch = batch,
            .what_if = true};
  }
  /// The rule that a split breaks, in words; empty when it breaks none.
  static std::string broken(const LayoutJob& job, const Split& split) {
    const std::optional<SplitRule> rule = broken_rule(job, split);
    return rule ? describe_broken(*rule, job, split) : "";
  }
  ModelShape shape_ = test::small_shape();  // 2 blocks, 4 heads, d_ff 256
};

TEST_F(LayoutSpace, splits_are_the_ordered_factorisations_into_four) {
  EXPECT_EQ(all_splits(job(1, 1)).size(), 1u);
  EXPECT_EQ(all_splits(job(7, 1)).size(), 4u);
  EXPECT_EQ(all_splits(job(12, 1)).size(), 10u * 4u);  // C(2 + 3, 3) C(1 + 3, 3)
  EXPECT_EQ(all_splits(job(4096, 1)).size(), 455u);    // C(12 + 3, 3)
  for (const Split& split : all_splits(job(12, 1)))
    EXPECT_EQ(split.tensor * split.context * split.pipeline * split.data, 12);
}

TEST_F(LayoutSpace, experts_split_data_and_context_ranks) {
  shape_.moe = MoeShape{.n_routed_expert = 4, .n_active_expert = 1, .d_ff_expert = 64};
  // tensor 2 and pipeline 2: one; context 2 and data 2: experts over 1 or 2.
  EXPECT_EQ(all_splits(job(2, 1)).size(), 6u);
}

TEST_F(LayoutSpace, two_devices_have_101_layouts) {
  // data 2: micro batch 1; 2 x 2 + 1 recomputations; ddp, zero1, zero2, fsdp twice: 25
  // pipeline 2: micro batch 1 or 2; stages of one block, 3 recomputations: 6
  // context 2: micro batch 1 or 2, 5 recomputations, 5 states: 50
  // tensor 2: micro batch 1 or 2, 5 recomputations, sequence parallel or not: 20
  EXPECT_EQ(visits(job(2, 2)), 25 + 6 + 50 + 20);
}

TEST_F(LayoutSpace, pipelines_shard_gradients_by_chunks) {
  LayoutJob some = job(4, 4);
  some.only = parse_layout_filter("pipeline=2,data=2,states=zero2");
  EXPECT_EQ(visits(some), 0);  // a stage of one block is one chunk
  shape_.n_layer = 4;
  // Two chunks of a block, micro batch 1 in one full round, 3 recomputations.
  EXPECT_EQ(visits(some), 3);
}

TEST_F(LayoutSpace, the_trainers_are_those_of_one_split) {
  LayoutJob own = job(4, 8);
  own.what_if = false;
  // micro batch 1 or 2; 5 recomputations; ddp, zero1, zero2, fsdp twice, hsdp of pairs twice: 7
  EXPECT_EQ(visits(own), 2 * 5 * 7);
  for_each_layout(own, {.data = 4}, [](const SearchedLayout& layout) {
    EXPECT_TRUE(trainer_runs(layout)) << to_string(layout);
    EXPECT_EQ(trainer_layout(layout).global_batch_size(), 8);
  });
}

TEST_F(LayoutSpace, counts_agree_with_visits_and_no_layout_comes_twice) {
  shape_.n_layer = 8;
  std::set<std::string> seen;
  int64_t counted = 0;
  int64_t visited = 0;
  const LayoutJob all = job(8, 24);
  for (const Split& split : all_splits(all)) {
    if (broken_rule(all, split)) continue;
    counted += count_layouts(all, split).layouts;
    for_each_layout(all, split, [&](const SearchedLayout& layout) {
      ++visited;
      seen.insert(to_string(layout));
      EXPECT_EQ(layout.parallel.devices(), 8);
      EXPECT_EQ(layout.parallel.global_batch(), 24);
    });
  }
  EXPECT_EQ(visited, counted);
  EXPECT_EQ(static_cast<int64_t>(seen.size()), visited);
}

TEST_F(LayoutSpace, interleaving_takes_full_rounds_of_micro_batches) {
  shape_.n_layer = 8;
  const LayoutJob odd = job(4, 6);
  // Stages of two blocks: with two chunks, no number of micro batches (6, 3, 2, 1) is a multiple of
  // 4; 3 recomputations of each would be 12.
  const LayoutCount count = count_layouts(odd, {.pipeline = 4});
  EXPECT_EQ(count.layouts, 4 * 5);
  EXPECT_EQ(count.without_full_rounds, 4 * 3);
}

TEST_F(LayoutSpace, every_rule_has_its_reason) {
  LayoutJob many = job(4096, 48);
  many.fast_domain = 8;
  EXPECT_EQ(broken(many, {.tensor = 16}), "tensor group of 16 exceeds the NVLink domain of 8");
  EXPECT_EQ(broken(many, {.tensor = 8}), "4 heads do not divide among 8 tensor ranks");
  EXPECT_EQ(broken(many, {.pipeline = 3}), "2 layers do not divide into 3 stages");
  EXPECT_EQ(broken(many, {.context = 96}),
            "128 tokens do not divide into two pieces for each of 96 context ranks");
  EXPECT_EQ(broken(many, {.data = 32}), "global batch of 48 does not divide among 32 data ranks");
  EXPECT_EQ(broken(many, {.tensor = 4, .context = 2, .pipeline = 2, .data = 16}), "");
}

TEST_F(LayoutSpace, grouped_queries_ffn_and_experts_have_rules_too) {
  shape_.n_kv_head = 2;
  EXPECT_EQ(broken(job(8, 8), {.tensor = 4}),
            "2 heads of keys and values do not divide among 4 tensor ranks");
  shape_.n_kv_head = 4;
  shape_.d_ff = 250;
  EXPECT_EQ(broken(job(8, 8), {.tensor = 4}), "d_ff of 250 does not divide among 4 tensor ranks");
  shape_.moe = MoeShape{.n_routed_expert = 6, .n_active_expert = 1, .d_ff_expert = 64};
  EXPECT_EQ(broken(job(8, 8), {.data = 8, .expert = 4}), "6 experts do not divide among 4 ranks");
}

TEST_F(LayoutSpace, stages_may_count_the_ends_as_blocks) {
  shape_.n_layer = 126;  // Llama 3 405B on 16 stages (arXiv:2407.21783, section 3.3.2)
  EXPECT_EQ(broken(job(16, 16), {.pipeline = 16}), "");
  EXPECT_EQ(blocks_of_stage(job(16, 16), {.pipeline = 16}), 8);
  EXPECT_EQ(broken(job(16, 16), {.pipeline = 5}), "126 layers do not divide into 5 stages");
}

TEST_F(LayoutSpace, a_filter_keeps_to_what_it_names) {
  LayoutJob some = job(8, 16);
  some.only = parse_layout_filter("tensor=2,states=zero1,recompute=full,micro_batch=1");
  int64_t seen = 0;
  for (const Split& split : all_splits(some)) {
    EXPECT_EQ(split.tensor, 2);
    if (broken_rule(some, split)) continue;
    for_each_layout(some, split, [&](const SearchedLayout& layout) {
      ++seen;
      EXPECT_EQ(layout.parallel.strategy, ParallelStrategy::zero1);
      EXPECT_EQ(layout.parallel.micro_batch, 1);
      EXPECT_EQ(to_string(layout.recompute), "full");
    });
  }
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace isoflop
