// SPDX-License-Identifier: MIT
#include "trainer/comm/mpi_launch.hpp"

#include "core/base/error.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace isoflop {
namespace {

int world_size() { return std::atoi(std::getenv("OMPI_COMM_WORLD_SIZE")); }
int world_rank() { return std::atoi(std::getenv("OMPI_COMM_WORLD_RANK")); }

TEST(MpiLaunch, knows_every_rank_under_mpirun) {
  const std::unique_ptr<Launch> launch = make_launch(nullptr, nullptr);
  EXPECT_EQ(launch->info().rank, world_rank());
  EXPECT_EQ(launch->info().world_size, world_size());
  EXPECT_EQ(launch->info().local_rank, world_rank());
  EXPECT_EQ(launch->info().local_size, world_size());
  ASSERT_EQ(launch->ranks().size(), static_cast<std::size_t>(world_size()));
  EXPECT_EQ(launch->ranks().back().rank, world_size() - 1);
}

TEST(MpiLaunch, virtual_nodes_of_one_host_are_different_nodes) {
  const std::string node = "vnode" + std::to_string(world_rank() / 2);
  MpiLaunch launch(nullptr, nullptr, [&](const char* name) {
    return std::string(name) == "SLURMD_NODENAME" ? node : process_environment(name);
  });
  EXPECT_EQ(launch.info().host, node);
  EXPECT_EQ(launch.info().local_rank, world_rank() % 2);
  EXPECT_EQ(launch.ranks().back().host, "vnode" + std::to_string((world_size() - 1) / 2));
}

TEST(MpiLaunch, exchanges_host_values) {
  const std::unique_ptr<Launch> launch = make_launch(nullptr, nullptr);
  const std::vector<double> values = launch->gather_to_all(10.0 + world_rank());
  ASSERT_EQ(values.size(), static_cast<std::size_t>(world_size()));
  for (int rank = 0; rank < world_size(); ++rank)
    EXPECT_EQ(values[static_cast<std::size_t>(rank)], 10.0 + rank);
  EXPECT_EQ(launch->max_over_ranks(-world_rank()), 0);
  EXPECT_EQ(launch->max_over_ranks(world_rank()), world_size() - 1);
}

TEST(MpiLaunch, makes_collectives_for_layouts_of_its_size_only) {
  const std::unique_ptr<Launch> launch = make_launch(nullptr, nullptr);
  CpuDevice device({});
  const auto collectives = launch->make_collectives(device, {.n_shard = world_size()});
  EXPECT_EQ(collectives->size(Group::shard), world_size());
  EXPECT_THROW(launch->make_collectives(device, {.n_shard = world_size() + 1}), ConfigError);
}

}  // namespace
}  // namespace isoflop
