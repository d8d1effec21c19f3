// SPDX-License-Identifier: MIT
#include "trainer/comm/process_grid.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/single_launch.hpp"

namespace isoflop {
namespace {

TEST(ProcessGrid, local_ranks_count_within_a_node) {
  const std::vector<RankInfo> infos = rank_infos({"a", "a", "b", "a", "b"});
  const std::vector<int> local_ranks = {0, 1, 0, 2, 1};
  const std::vector<int> local_sizes = {3, 3, 2, 3, 2};
  for (std::size_t rank = 0; rank < infos.size(); ++rank) {
    EXPECT_EQ(infos[rank].rank, static_cast<int>(rank));
    EXPECT_EQ(infos[rank].world_size, 5);
    EXPECT_EQ(infos[rank].local_rank, local_ranks[rank]);
    EXPECT_EQ(infos[rank].local_size, local_sizes[rank]);
  }
  EXPECT_EQ(infos[4].host, "b");
}

TEST(ProcessGrid, layout_for_other_ranks_is_refused_with_the_command) {
  const std::string message = test::message_of<ConfigError>([] {
    check_layout_matches({.n_replica = 2, .n_shard = 4}, rank_infos({"a", "a", "b", "b"}).front());
  });
  EXPECT_THAT(message, testing::HasSubstr("2 x 4 (n_replica x n_shard) needs '8' ranks"));
  EXPECT_THAT(message, testing::HasSubstr("srun -n 8"));
}

// Ranks 0-5 as 2 x 3: 0 1 2 / 3 4 5.
TEST(ProcessGrid, groups_are_rows_and_columns) {
  const Layout layout{.n_replica = 2, .n_shard = 3};
  const GridGroup row = grid_group(layout, 4, Group::shard);
  EXPECT_EQ(row.ranks, (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(row.index, 1);
  const GridGroup column = grid_group(layout, 4, Group::replica);
  EXPECT_EQ(column.ranks, (std::vector<int>{1, 4}));
  EXPECT_EQ(column.index, 1);
  const GridGroup world = grid_group(layout, 4, Group::world);
  EXPECT_EQ(world.size(), 6);
  EXPECT_EQ(world.index, 4);
}

TEST(SingleLaunch, is_rank_0_of_1_and_refuses_larger_layouts) {
  SingleLaunch launch("node");
  CpuDevice device({});
  EXPECT_EQ(launch.info().rank, 0);
  EXPECT_EQ(launch.info().local_size, 1);
  EXPECT_EQ(launch.ranks().size(), 1u);
  EXPECT_EQ(launch.gather_to_all(2.5), std::vector<double>{2.5});
  EXPECT_EQ(launch.max_over_ranks(-1), -1);
  EXPECT_EQ(launch.make_collectives(device, {})->size(Group::world), 1);
  EXPECT_THROW(launch.make_collectives(device, {.n_shard = 2}), ConfigError);
}

}  // namespace
}  // namespace isoflop
