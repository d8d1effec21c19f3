// SPDX-License-Identifier: MIT
#include "planner/detect/slurm_state.hpp"

#include "core/base/error.hpp"
#include "planner/detect/recorded_slurm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SlurmState, a_node_of_slurm_23) {
  const std::vector<SlurmNode> nodes = read_scontrol_nodes(test::kNodesSlurm23);
  ASSERT_EQ(nodes.size(), 4u);
  const SlurmNode& node = nodes[0];
  EXPECT_EQ(node.name, "gpu01");
  EXPECT_EQ(node.health, NodeHealth::usable);
  EXPECT_THAT(node.partitions, ElementsAre("gpu", "long"));
  EXPECT_EQ(node.gres, "gpu:nvidia_h100_80gb_hbm3:8(S:0-1)");
  EXPECT_THAT(node.features, ElementsAre("h100", "ib", "ndr"));
  EXPECT_EQ(node.cpus, 94);                // CPUEfctv, not CPUTot
  EXPECT_EQ(node.mem_mb, 2063000 - 8192);  // without MemSpecLimit
  EXPECT_EQ(node.sockets, 2);
}

// Free text at the end of a record may hold anything, a key and '=' too.
TEST(SlurmState, a_reason_changes_nothing) {
  const SlurmNode drained = read_scontrol_nodes(test::kNodesSlurm23)[2];
  EXPECT_EQ(drained.gres, "gpu:nvidia_h100_80gb_hbm3:8(S:0-1)");
  EXPECT_EQ(drained.health, NodeHealth::drained);
}

TEST(SlurmState, older_versions_name_keys_differently) {
  const std::vector<SlurmNode> nodes = read_scontrol_nodes(test::kNodesSlurm17);
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].cpus, 40);
  EXPECT_EQ(nodes[0].gres, "gpu:v100:4(S:0,1)");
  EXPECT_THAT(nodes[0].features, ElementsAre("v100", "edr"));
  EXPECT_EQ(nodes[1].health, NodeHealth::down);  // DOWN*
}

TEST(SlurmState, gpus_that_only_tres_knows_count) {
  EXPECT_EQ(read_scontrol_nodes("NodeName=a CPUTot=4 Gres=(null) State=IDLE Partitions=p "
                                "CfgTRES=cpu=4,mem=9G,gres/gpu=8,gres/gpu:h100=8\n")[0]
                .gres,
            "gres/gpu:h100=8");
}

TEST(SlurmState, future_nodes_do_not_exist_yet) {
  EXPECT_THAT(read_scontrol_nodes("NodeName=a CPUTot=4 State=FUTURE Partitions=p\n"), IsEmpty());
  EXPECT_THAT(read_scontrol_nodes("No nodes in the system\n"), IsEmpty());
}

TEST(SlurmState, states_of_nodes) {
  for (const char* state : {"IDLE", "MIXED", "ALLOCATED", "idle~", "IDLE+CLOUD+POWERED_DOWN",
                            "MIXED+PLANNED", "RESERVED", "IDLE+MAINTENANCE", "COMPLETING"})
    EXPECT_EQ(node_health(state), NodeHealth::usable) << state;
  for (const char* state : {"IDLE+DRAIN", "drained", "draining", "MIXED+DRAIN"})
    EXPECT_EQ(node_health(state), NodeHealth::drained) << state;
  for (const char* state : {"DOWN", "DOWN*", "IDLE*", "DOWN+DRAIN", "IDLE+NOT_RESPONDING",
                            "IDLE+DRAIN+INVALID_REG", "FAIL", "UNKNOWN"})
    EXPECT_EQ(node_health(state), NodeHealth::down) << state;
}

TEST(SlurmState, time_limits_as_slurm_prints_them) {
  EXPECT_EQ(slurm_limit_s("1-00:00:00"), 86400);
  EXPECT_EQ(slurm_limit_s("2-12"), 216000);
  EXPECT_EQ(slurm_limit_s("12:00:00"), 43200);
  EXPECT_EQ(slurm_limit_s("30:00"), 1800);  // minutes and seconds
  EXPECT_EQ(slurm_limit_s("90"), 5400);
  EXPECT_EQ(slurm_limit_s("UNLIMITED"), std::nullopt);
  EXPECT_EQ(slurm_limit_s("infinite"), std::nullopt);
  EXPECT_THROW(slurm_limit_s("soon"), ConfigError);
  EXPECT_THROW(slurm_limit_s("1:2:3:4"), ConfigError);
}

TEST(SlurmState, limits_of_partitions) {
  const std::vector<SlurmPartition> partitions = read_scontrol_partitions(test::kPartitions);
  ASSERT_EQ(partitions.size(), 4u);
  EXPECT_EQ(partitions[0].name, "gpu");
  EXPECT_EQ(partitions[0].time_limit_s, 86400);
  EXPECT_EQ(partitions[0].max_nodes, std::nullopt);
  EXPECT_THAT(partitions[0].allow_accounts, IsEmpty());
  EXPECT_EQ(partitions[1].max_nodes, 1);
  EXPECT_THAT(partitions[1].allow_accounts, ElementsAre("proj1", "proj2"));
  EXPECT_THAT(partitions[1].allow_qos, ElementsAre("long"));
  EXPECT_THAT(partitions[1].allow_groups, ElementsAre("ml"));
  EXPECT_EQ(partitions[1].default_mem_mb_per_cpu, 4000);
  EXPECT_EQ(partitions[1].max_mem_mb_per_node, 1000000);
  EXPECT_EQ(partitions[2].time_limit_s, std::nullopt);
  EXPECT_FALSE(partitions[3].is_up);
}

TEST(SlurmState, the_name_of_the_cluster) {
  EXPECT_EQ(read_cluster_name("Configuration data as of 2024\nClusterName             = alpha\n"),
            "alpha");
  EXPECT_EQ(read_cluster_name("ClusterName             = (null)\n"), std::nullopt);
  EXPECT_EQ(read_cluster_name(""), std::nullopt);
}

TEST(SlurmState, sinfo_alone_gives_nodes_and_time_limits) {
  const SlurmState state = read_sinfo(test::kSinfo);
  ASSERT_EQ(state.nodes.size(), 4u);
  EXPECT_EQ(state.nodes[0].count, 14);
  EXPECT_EQ(state.nodes[0].gres, "gpu:a100:4(S:0-3)");
  EXPECT_EQ(state.nodes[1].health, NodeHealth::drained);
  EXPECT_EQ(state.nodes[3].gres, "");
  ASSERT_EQ(state.partitions.size(), 2u);
  EXPECT_EQ(state.partitions[0].time_limit_s, 172800);
  EXPECT_EQ(state.partitions[1].time_limit_s, 1800);
  EXPECT_THROW(read_sinfo("gpu|up|1-00:00:00\n"), ConfigError);
}

}  // namespace
}  // namespace isoflop
