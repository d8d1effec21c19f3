// SPDX-License-Identifier: MIT
#include "planner/cost/machine.hpp"

#include "planner/planner_fixtures.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

Partition hosts_of(const char* gpu, int devices_per_node) {
  Partition partition;
  partition.device = test::catalog().find(gpu).spec;
  partition.devices_per_node = devices_per_node;
  partition.intra_node_gb_per_s_per_device = 100;
  partition.inter_node_gb_per_s_per_node = 50;
  return partition;
}

Network network_of(const Partition& partition, int64_t n_devices) {
  Calibration constants;
  constants.intra_node_bandwidth = constants.inter_node_bandwidth = 1;
  return make_network(partition, n_devices, constants);
}

// The catalogue's domain of 8 is a board's: half a board a host does not join two of them.
TEST(MakeNetwork, a_board_never_spans_hosts) {
  const Network network = network_of(hosts_of("A100-SXM4-80GB", 4), 32);
  EXPECT_EQ(network.ranks_per_node, 4);
  EXPECT_DOUBLE_EQ(network.inter_node_bytes_per_s, 50e9);
}

TEST(MakeNetwork, a_rack_wide_domain_joins_its_hosts_and_their_ports) {
  const Partition partition = hosts_of("GB200-NVL72", 4);
  EXPECT_EQ(network_of(partition, 256).ranks_per_node, 72);
  EXPECT_DOUBLE_EQ(network_of(partition, 256).inter_node_bytes_per_s, 18 * 50e9);
  EXPECT_EQ(network_of(partition, 8).ranks_per_node, 8);
}

TEST(MakeNetwork, a_job_on_part_of_a_host_has_part_of_its_ports) {
  const Network network = network_of(hosts_of("H100-SXM5-80GB", 8), 2);
  EXPECT_EQ(network.ranks_per_node, 2);
  EXPECT_DOUBLE_EQ(network.inter_node_bytes_per_s, 50e9 / 4);
}

}  // namespace
}  // namespace isoflop
