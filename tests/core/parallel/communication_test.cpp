// SPDX-License-Identifier: MIT
#include "core/parallel/communication.hpp"

#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

using enum CollectiveKind;

int64_t bytes_of(const std::vector<Traffic>& all, CollectiveKind kind, Group group) {
  for (const Traffic& traffic : all)
    if (traffic.kind == kind && traffic.group == group) return traffic.bytes;
  return 0;
}

int64_t total(const std::vector<Traffic>& all) {
  int64_t bytes = 0;
  for (const Traffic& traffic : all) bytes += traffic.bytes;
  return bytes;
}

std::vector<Traffic> traffic_of(const Layout& layout, Precision precision = Precision::bf16) {
  return step_traffic(make_flat_layout(test::llama3_8b(), layout), layout, precision);
}

TEST(Communication, ring_of_four_sends_three_quarters_and_twice_that_for_an_all_reduce) {
  EXPECT_EQ(ring_bytes(all_gather, 4096, 4), 3072);
  EXPECT_EQ(ring_bytes(reduce_scatter, 4096, 4), 3072);
  EXPECT_EQ(ring_bytes(all_reduce, 4096, 4), 6144);
  EXPECT_EQ(ring_bytes(all_reduce, 4096, 1), 0);
}

// 8,030,261,248 parameters, of which a thousandth of padding at most.
constexpr double kParams = 8'030'261'248.0;

TEST(Communication, ddp_sends_seven_quarters_of_the_gradients_on_eight_ranks) {
  const auto all = traffic_of({.n_replica = 8, .grad_accum_steps = 5});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_NEAR(static_cast<double>(bytes_of(all, all_reduce, Group::replica)), 7.0 / 4 * 4 * kParams,
              1e-3 * kParams);
}

// ZeRO's claim for stages 1 and 2: no more than ddp, counted in elements; here parameters have two
// bytes.
TEST(Communication, zero1_scatters_gradients_and_gathers_parameters_once) {
  const auto all =
      traffic_of({.strategy = ParallelStrategy::zero1, .n_shard = 8, .grad_accum_steps = 5});
  EXPECT_NEAR(static_cast<double>(bytes_of(all, reduce_scatter, Group::shard)),
              7.0 / 8 * 4 * kParams, 1e-3 * kParams);
  EXPECT_NEAR(static_cast<double>(bytes_of(all, all_gather, Group::shard)), 7.0 / 8 * 2 * kParams,
              1e-3 * kParams);
  EXPECT_EQ(all.size(), 2u);
}

TEST(Communication, zero2_scatters_gradients_in_every_micro_step) {
  const Layout layout{.strategy = ParallelStrategy::zero2, .n_shard = 8};
  Layout more = layout;
  more.grad_accum_steps = 5;
  EXPECT_EQ(bytes_of(traffic_of(more), reduce_scatter, Group::shard),
            5 * bytes_of(traffic_of(layout), reduce_scatter, Group::shard));
  EXPECT_EQ(bytes_of(traffic_of(more), all_gather, Group::shard),
            bytes_of(traffic_of(layout), all_gather, Group::shard));
}

TEST(Communication, fsdp_without_resharding_sends_what_zero2_sends) {
  EXPECT_EQ(traffic_of({.strategy = ParallelStrategy::fsdp,
                        .n_shard = 8,
                        .grad_accum_steps = 3,
                        .reshard_after_forward = false}),
            traffic_of({.strategy = ParallelStrategy::zero2, .n_shard = 8, .grad_accum_steps = 3}));
}

// Half as much again as ddp in fp32 (ZeRO, section 7.2.2), less the last two units and the
// embedding in backward.
TEST(Communication, fsdp_gathers_all_but_three_units_again_for_backward) {
  const Layout layout{.strategy = ParallelStrategy::fsdp, .n_shard = 8};
  const FlatLayout flat = make_flat_layout(test::llama3_8b(), layout);
  int64_t kept = flat.units.front().size;
  for (std::size_t u = flat.units.size() - 2; u < flat.units.size(); ++u)
    kept += flat.units[u].size;
  EXPECT_EQ(bytes_of(traffic_of(layout), all_gather, Group::shard),
            7 * 2 * (2 * flat.total_size() - kept) / 8);
  const double ddp = static_cast<double>(total(traffic_of({.n_replica = 8}, Precision::fp32)));
  const double fsdp = static_cast<double>(total(traffic_of(layout, Precision::fp32)));
  EXPECT_LT(fsdp, 1.5 * ddp);
  EXPECT_GT(fsdp, 1.4 * ddp);
}

TEST(Communication, hsdp_gathers_within_a_copy_and_sums_shards_over_copies_once) {
  const Layout fsdp{.strategy = ParallelStrategy::fsdp, .n_shard = 4, .grad_accum_steps = 2};
  Layout hsdp = fsdp;
  hsdp.strategy = ParallelStrategy::hsdp;
  hsdp.n_replica = 2;
  const auto within = traffic_of(fsdp);
  const auto all = traffic_of(hsdp);
  EXPECT_EQ(bytes_of(all, all_gather, Group::shard),
            total(within) - bytes_of(within, reduce_scatter, Group::shard));
  EXPECT_EQ(bytes_of(all, reduce_scatter, Group::shard),
            bytes_of(within, reduce_scatter, Group::shard));
  EXPECT_NEAR(static_cast<double>(bytes_of(all, all_reduce, Group::replica)), 4 * kParams / 4,
              1e-3 * kParams);
}

int64_t sent_for_muon(const Layout& layout, CollectiveKind kind, Group group) {
  const FlatLayout flat = make_flat_layout(test::gpt2_124m(), layout);
  int64_t bytes = 0;
  for (int64_t rank = 0; rank < layout.world_size(); ++rank)
    bytes += bytes_of(muon_traffic(flat, layout, rank), kind, group);
  return bytes;
}

// 84,934,656 elements. What a rank sends an owner comes back to it; an owner's own pieces stay: no
// more than all of them twice.
TEST(Communication, muon_moves_matrices_to_owners_and_back_once) {
  const Layout zero2{.strategy = ParallelStrategy::zero2, .n_shard = 4};
  const int64_t exchanged = sent_for_muon(zero2, exchange, Group::shard);
  EXPECT_LE(exchanged, 2 * 4 * 84'934'656);
  EXPECT_GE(exchanged, 4 * 84'934'656);
  EXPECT_EQ(sent_for_muon(zero2, broadcast, Group::replica), 0);
}

TEST(Communication, muon_on_replicas_broadcasts_updates_only) {
  const Layout ddp{.n_replica = 4};
  EXPECT_EQ(sent_for_muon(ddp, exchange, Group::shard), 0);
  EXPECT_EQ(sent_for_muon(ddp, broadcast, Group::replica), 3 * 4 * 84'934'656);
}

TEST(Communication, one_rank_sends_nothing) {
  for (const auto& [strategy, name] : kStrategyNames)
    EXPECT_TRUE(traffic_of({.strategy = strategy}).empty()) << name;
}

}  // namespace
}  // namespace isoflop
