// SPDX-License-Identifier: MIT
#include "planner/network.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

const Network kNetwork{.intra_node_bytes_per_s = 100e9,
                       .inter_node_bytes_per_s = 50e9,
                       .intra_node_hop_s = 1e-6,
                       .inter_node_hop_s = 10e-6,
                       .ranks_per_node = 8};

TEST(Network, one_rank_needs_no_time) { EXPECT_EQ(all_reduce_s(kNetwork, {1, 1}, 1e9), 0); }

TEST(Network, gather_within_a_node_moves_all_but_the_own_part) {
  // 7/8 of 8 GB at 100 GB/s, and 7 hops.
  EXPECT_DOUBLE_EQ(all_gather_s(kNetwork, {1, 8}, 8e9), 0.07 + 7e-6);
}

TEST(Network, gather_over_nodes_is_bound_by_what_enters_a_node) {
  // 3/4 of 8 GB at 50 GB/s beats 31/32 at 100 GB/s; 28 hops within nodes, 3 between.
  EXPECT_DOUBLE_EQ(all_gather_s(kNetwork, {4, 8}, 8e9), 0.12 + 28e-6 + 30e-6);
}

TEST(Network, one_rank_a_node_uses_the_network_only) {
  EXPECT_DOUBLE_EQ(all_gather_s(kNetwork, {2, 1}, 1e9), 0.5 * 1e9 / 50e9 + 10e-6);
}

TEST(Network, reduce_is_scatter_then_gather) {
  EXPECT_DOUBLE_EQ(all_reduce_s(kNetwork, {2, 4}, 1e9),
                   reduce_scatter_s(kNetwork, {2, 4}, 1e9) + all_gather_s(kNetwork, {2, 4}, 1e9));
}

TEST(Network, strided_groups_share_the_ports_of_a_node) {
  const RankGroup inside = rank_group(kNetwork, 4, 2);
  EXPECT_EQ(inside.nodes, 1);
  EXPECT_EQ(inside.ranks_per_node, 4);
  const RankGroup across = rank_group(kNetwork, 16, 8);
  EXPECT_EQ(across.nodes, 16);
  EXPECT_EQ(across.ranks_per_node, 1);
  EXPECT_DOUBLE_EQ(across.port_share, 1.0 / 8);
  // 15/16 of 1 GB at an eighth of 50 GB/s, and 15 hops.
  EXPECT_DOUBLE_EQ(all_gather_s(kNetwork, across, 1e9), 15.0 / 16 * 1e9 / 6.25e9 + 15 * 10e-6);
}

TEST(Network, all_to_all_crosses_nodes_as_often_as_tokens_do) {
  // 15/16 of 1 GB at 100 GB/s inside; half of it through a rank's eighth of 50 GB/s outside.
  EXPECT_DOUBLE_EQ(all_to_all_s(kNetwork, rank_group(kNetwork, 16, 1), 1e9, 0.5),
                   0.5e9 / 6.25e9 + 10e-6);
  EXPECT_DOUBLE_EQ(all_to_all_s(kNetwork, rank_group(kNetwork, 8, 1), 1e9, 0.5),
                   7.0 / 8 * 1e9 / 100e9 + 1e-6);
}

TEST(Network, messages_leave_the_node_when_the_stride_does) {
  EXPECT_DOUBLE_EQ(send_s(kNetwork, 4, 1e9), 0.01 + 1e-6);
  EXPECT_DOUBLE_EQ(send_s(kNetwork, 8, 1e9), 1e9 / 6.25e9 + 10e-6);
}

}  // namespace
}  // namespace isoflop
