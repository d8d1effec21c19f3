// SPDX-License-Identifier: MIT
#include "planner/detect/slurm_groups.hpp"

#include "core/base/error.hpp"
#include "planner/detect/recorded_slurm.hpp"
#include "planner/detect/slurm_gpu.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const GpuCatalog& catalog() {
  static const GpuCatalog loaded = GpuCatalog::load();
  return loaded;
}

SlurmState state_of(const char* nodes, const char* partitions = test::kPartitions) {
  return {.cluster_name = "alpha",
          .nodes = read_scontrol_nodes(nodes),
          .partitions = read_scontrol_partitions(partitions)};
}

DetectedCluster grouped(const SlurmState& state,
                        CpuPartitions cpus = CpuPartitions::only_without_gpus) {
  return group_nodes(state, catalog(), cpus, "scontrol");
}

/// As planner reads the file that is written.
Cluster read_back(const DetectedCluster& cluster) {
  return read_cluster(ConfigNode::parse(cluster_document(cluster), "c.yaml"), ".", catalog());
}

TEST(SlurmGroups, h100_nodes_of_a_partition) {
  const Cluster cluster = read_back(grouped(state_of(test::kNodesSlurm23)));
  EXPECT_EQ(cluster.name, "alpha");
  const Partition& gpu = cluster.partition("gpu");
  EXPECT_EQ(gpu.nodes, 2);
  EXPECT_EQ(gpu.devices_per_node, 8);
  EXPECT_EQ(gpu.device.name, "H100-SXM5-80GB");
  EXPECT_EQ(gpu.gpu_request, GpuRequest::gres);
  EXPECT_EQ(gpu.gres_type, "nvidia_h100_80gb_hbm3");
  EXPECT_EQ(gpu.cpus_per_node, 94);
  EXPECT_EQ(gpu.mem_gb_per_node, 2151);  // (2060000 - 8192) MiB, the least of the two
  EXPECT_EQ(gpu.inter_node_gb_per_s_per_node, 50);
  EXPECT_EQ(gpu.time_limit_s, 86400);
}

TEST(SlurmGroups, limits_of_the_partition_bind) {
  const Partition longer = read_back(grouped(state_of(test::kNodesSlurm23))).partition("long");
  EXPECT_EQ(longer.nodes, 1);
  EXPECT_EQ(longer.cpus_per_node, 64);
  EXPECT_EQ(longer.mem_gb_per_node, 1048);  // MaxMemPerNode 1000000 MiB
  EXPECT_EQ(longer.job.qos, "long");
  EXPECT_EQ(longer.job.account, std::nullopt);  // two are allowed: the user chooses
}

TEST(SlurmGroups, what_was_not_seen_is_marked_and_what_is_down_is_counted_apart) {
  const std::string text = cluster_document(grouped(state_of(test::kNodesSlurm23)));
  EXPECT_THAT(text, HasSubstr("inter_node_gb_per_s_per_node: 50  # ASSUMED"));
  EXPECT_THAT(text, HasSubstr("# TODO inter_node_gb_per_s_per_node: one port of what the feature "
                              "'ndr' names"));
  EXPECT_THAT(text, HasSubstr("# not counted: 1 drained and 0 down nodes\n"));
  EXPECT_THAT(text, HasSubstr("# TODO account: the partition takes proj1, proj2\n"));
  EXPECT_THAT(text, HasSubstr("# Left out: old: closed to jobs\n"));
  EXPECT_THAT(text, HasSubstr("# allocation: {gpu_hours"));
}

TEST(SlurmGroups, cpu_nodes_beside_gpus_only_when_asked_for) {
  const DetectedCluster without = grouped(state_of(test::kNodesSlurm23));
  EXPECT_THAT(without.left_out, Contains(HasSubstr("cpu: 1 nodes without GPUs")));
  const Cluster with = read_back(grouped(state_of(test::kNodesSlurm23), CpuPartitions::always));
  const Partition& cpu = with.partition("cpu");
  EXPECT_EQ(cpu.device.kind, DeviceClass::cpu);
  EXPECT_EQ(cpu.devices_per_node, 2);  // sockets
  EXPECT_EQ(cpu.cpus_per_node, 128);
  // 128 hardware threads on 64 cores: 32 a rank, 0.032 TFLOP/s each.
  EXPECT_NEAR(cpu.device.peak_dense_tflops(Precision::fp32).value(), 1.024, 1e-9);
}

TEST(SlurmGroups, a_cluster_without_gpus_is_one_of_cpu_ranks) {
  const DetectedCluster cluster = grouped(
      state_of("NodeName=a CPUTot=8 RealMemory=16000 Gres=(null) State=IDLE Partitions=cpu\n"));
  EXPECT_EQ(read_back(cluster).partition("cpu").devices_per_node, 1);
  EXPECT_THAT(cluster_document(cluster), HasSubstr("trainer bench"));
}

TEST(SlurmGroups, kinds_of_nodes_in_one_partition_are_told_apart) {
  const DetectedCluster cluster = grouped(state_of(
      "NodeName=a1 CPUTot=64 RealMemory=500000 Gres=gpu:a100:4 State=IDLE Partitions=gpu\n"
      "NodeName=h1 CPUTot=96 RealMemory=900000 Gres=gpu:h100:8 State=IDLE Partitions=gpu\n"
      "NodeName=h2 CPUTot=96 RealMemory=950000 Gres=gpu:h100:8 State=IDLE Partitions=gpu\n"));
  ASSERT_EQ(cluster.groups.size(), 2u);
  EXPECT_EQ(cluster.groups[0].name, "gpu-a100");
  EXPECT_EQ(cluster.groups[0].slurm_partition, "gpu");
  EXPECT_EQ(cluster.groups[1].name, "gpu-h100");
  EXPECT_EQ(cluster.groups[1].nodes, 2);  // memory within 10 %
  EXPECT_EQ(cluster.groups[1].mem_gb_per_node, 943);
  EXPECT_EQ(cluster.groups[0].constraint, std::nullopt);  // the GRES type does it
}

TEST(SlurmGroups, a_feature_tells_nodes_apart_that_a_type_cannot) {
  const DetectedCluster cluster = grouped(state_of(
      "NodeName=a1 CPUTot=64 RealMemory=500000 ActiveFeatures=ib,a100_40gb Gres=gpu:a100:4 "
      "State=IDLE Partitions=gpu\n"
      "NodeName=a2 CPUTot=128 RealMemory=900000 ActiveFeatures=ib,a100_80gb Gres=gpu:a100:8 "
      "State=IDLE Partitions=gpu\n"
      "NodeName=a3 CPUTot=32 RealMemory=250000 ActiveFeatures=ib Gres=gpu:2 State=IDLE "
      "Partitions=gpu\n"));
  ASSERT_EQ(cluster.groups.size(), 3u);
  EXPECT_EQ(cluster.groups[0].constraint, "a100_40gb");
  EXPECT_EQ(cluster.groups[1].constraint, "a100_80gb");
  EXPECT_EQ(cluster.groups[2].constraint, std::nullopt);
  EXPECT_THAT(cluster.groups[2].remarks, Contains(HasSubstr("ask your site for a constraint")));
}

TEST(SlurmGroups, partitions_and_nodes_that_no_job_gets_are_left_out) {
  const DetectedCluster cluster = grouped(state_of(
      "NodeName=a CPUTot=4 RealMemory=9000 Gres=gpu:h100:8 State=DOWN Partitions=gpu\n"
      "NodeName=b CPUTot=4 RealMemory=9000 Gres=gpu:a100_3g.20gb:8 State=IDLE Partitions=long\n"));
  EXPECT_THAT(cluster.groups, IsEmpty());
  EXPECT_THAT(
      cluster.left_out,
      ElementsAre(HasSubstr("gpu: all 1 nodes with gpu:h100:8 are drained or down"),
                  HasSubstr("long: 1 nodes offer slices of GPUs only"), "old: closed to jobs"));
  EXPECT_THAT(test::message_of<NothingFitsError>([&] { cluster_document(cluster); }),
              HasSubstr("no node to describe (scontrol): gpu: all 1 nodes"));
}

TEST(SlurmGroups, sinfo_is_enough) {
  const Cluster cluster = read_back(
      group_nodes(read_sinfo(test::kSinfo), catalog(), CpuPartitions::only_without_gpus, "sinfo"));
  ASSERT_EQ(cluster.partitions.size(), 2u);
  EXPECT_EQ(cluster.partitions[0].nodes, 14);
  EXPECT_EQ(cluster.partitions[0].device.name, "A100-SXM4-40GB");
  EXPECT_EQ(cluster.partitions[0].inter_node_gb_per_s_per_node, 25);  // hdr
  EXPECT_EQ(cluster.partitions[1].device.name, "A100-SXM4-80GB");     // by its feature
}

TEST(SlurmGpu, entries_of_gres) {
  const auto count = [](const std::string& gres) {
    const std::vector<NodeGpus> gpus = whole_gpus(gres);
    return gpus.size() == 1 ? gpus[0].count : -static_cast<int>(gpus.size());
  };
  EXPECT_EQ(count("gpu:nvidia_h100_80gb_hbm3:8(S:0-1)"), 8);
  EXPECT_EQ(count("gpu:a100:4"), 4);
  EXPECT_EQ(count("gpu:8"), 8);
  EXPECT_EQ(count("gpu:v100:4(S:0,2-3),lscratch:800G"), 4);
  EXPECT_EQ(count("craynetwork:4,gpu:mi250:no_consume:8"), 8);
  EXPECT_EQ(count("shard:h100:64,gpu:h100:4"), 4);
  EXPECT_EQ(count("gpu:a100:2,gpu:a100_1g.5gb:14"), 2);
  EXPECT_EQ(count("gpu:a100:2,gpu:h100:2"), -2);
  EXPECT_EQ(count("gpu:0"), 0);
  EXPECT_EQ(count("lscratch:100"), 0);
  EXPECT_TRUE(has_gpu_slices("gpu:a100_1g.5gb:14"));
  EXPECT_FALSE(has_gpu_slices("gpu:a100:2"));
}

GpuChoice chosen(const std::optional<std::string>& type, const std::vector<std::string>& features,
                 const std::string& partition) {
  return choose_gpu({.type = type, .count = 4}, features, partition, catalog());
}

TEST(SlurmGpu, a_type_that_leaves_the_part_open_is_narrowed_by_features) {
  const GpuChoice narrowed = chosen("a100", {"ib", "a100_40gb"}, "gpu");
  EXPECT_EQ(narrowed.spec->name, "A100-SXM4-40GB");
  EXPECT_THAT(narrowed.text.assumed.value(), HasSubstr("A100-PCIe-40GB"));  // still possible
  EXPECT_EQ(chosen("a100", {"a100-sxm4-40gb"}, "gpu").text.assumed, std::nullopt);
  const GpuChoice open = chosen("a100", {"ib"}, "gpu");
  EXPECT_EQ(open.text.value, "gpu:a100:4");
  EXPECT_THAT(open.text.assumed.value(), HasSubstr("leaves the part open"));
}

TEST(SlurmGpu, without_a_type_features_and_names_help) {
  EXPECT_EQ(chosen(std::nullopt, {"ib", "h100"}, "gpu").spec->architecture, "Hopper");
  EXPECT_EQ(chosen(std::nullopt, {}, "gpu-v100-long").spec->architecture, "Volta");
  const GpuChoice unknown = chosen(std::nullopt, {"ib"}, "gpu");
  EXPECT_EQ(unknown.text.value, "A100-SXM4-40GB");
  EXPECT_THAT(unknown.text.assumed.value(), HasSubstr("Slurm does not say which GPU; nvidia-smi"));
}

TEST(SlurmGpu, a_type_that_nobody_knows_is_assumed_to_be_little) {
  const GpuChoice unknown = chosen("tesla", {}, "gpu");
  EXPECT_EQ(unknown.text.value, "A100-SXM4-40GB");
  EXPECT_THAT(unknown.text.assumed.value(),
              HasSubstr("Slurm's type 'tesla' is not in the GPU catalogue"));
  EXPECT_EQ(unknown.request, GpuRequest::gpus_per_node);
}

}  // namespace
}  // namespace isoflop
