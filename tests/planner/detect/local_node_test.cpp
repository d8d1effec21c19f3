// SPDX-License-Identifier: MIT
#include "planner/detect/local_node.hpp"

#include "core/base/error.hpp"
#include "planner/detect/network_hint.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const GpuCatalog& catalog() {
  static const GpuCatalog loaded = GpuCatalog::load();
  return loaded;
}

LocalNode node_with(const std::vector<LocalGpu>& gpus) {
  return {.host = "n1",
          .cpus = 64,
          .mem_gb = 512.7,
          .cpu_name = "Some CPU",
          .gpus = gpus,
          .links = {},
          .network_gb_per_s = {}};
}

Cluster read_back(const DetectedCluster& cluster) {
  return read_cluster(ConfigNode::parse(cluster_document(cluster), "c.yaml"), ".", catalog());
}

const LocalGpu kH100 = {"NVIDIA H100 80GB HBM3", 81559, false};

TEST(LocalNode, gpus_of_nvidia_smi) {
  EXPECT_THAT(read_nvidia_gpus("NVIDIA H100 80GB HBM3, 81559, Disabled\n"
                               "NVIDIA H100 80GB HBM3, 81559, Disabled\n"),
              ElementsAre(kH100, kH100));
  EXPECT_THAT(read_nvidia_gpus("Tesla V100-SXM2-16GB, 16160, [N/A]\n"),
              ElementsAre(LocalGpu{"Tesla V100-SXM2-16GB", 16160, false}));
  EXPECT_TRUE(read_nvidia_gpus("NVIDIA A100-SXM4-40GB, 40960, Enabled\n")[0].is_sliced);
  EXPECT_THAT(read_nvidia_gpus("\n"), IsEmpty());
  EXPECT_THROW(read_nvidia_gpus("No devices were found\n"), ConfigError);
}

// ROCm 5 and 6 write the keys in different cases; old versions print ids for names.
TEST(LocalNode, gpus_of_rocm_smi) {
  EXPECT_THAT(read_rocm_gpus(R"json(WARNING: AMD GPU device(s) is/are in a low-power state
{"card0": {"VRAM Total Memory (B)": "206141652992", "VRAM Total Used Memory (B)": "1",
           "Card Series": "AMD Instinct MI300X", "Card Model": "0x74a1"},
 "system": {
  "Driver version" : "6.7.0"
}
})json"),
              ElementsAre(LocalGpu{"AMD Instinct MI300X", 196592, false}));
  EXPECT_THAT(read_rocm_gpus(R"json({"card0": {"VRAM Total Memory (B)": "68702699520",
                                           "Card series": "0x740c", "Card model": "MI250X"
  }
  })json"),
              ElementsAre(LocalGpu{"MI250X", 65520, false}));
  EXPECT_THAT(read_rocm_gpus("No AMD GPUs\n"), IsEmpty());
}

TEST(LocalNode, nvlink_between_all_some_or_none) {
  EXPECT_EQ(read_nvlink_topology("\tGPU0\tGPU1\tNIC0\tCPU Affinity\tNUMA Affinity\n"
                                 "GPU0\t X \tNV18\tPXB\t0-51\t0\n"
                                 "GPU1\tNV18\t X \tSYS\t0-51\t0\n"
                                 "NIC0\tPXB\tSYS\t X \n\nLegend:\n  NV#  = NVLinks\n"),
            LinkJoins::all);
  EXPECT_EQ(read_nvlink_topology("        GPU0 GPU1 GPU2 GPU3\n"
                                 "GPU0  X  NV12 SYS SYS 0-15\n"
                                 "GPU1 NV12  X  SYS SYS 0-15\n"
                                 "GPU2 SYS SYS  X  NV12 16-31\n"
                                 "GPU3 SYS SYS NV12  X  16-31\n"),
            LinkJoins::some);
  EXPECT_EQ(read_nvlink_topology("GPU0 X PHB\nGPU1 PHB X\n"), LinkJoins::none);
  EXPECT_EQ(read_nvlink_topology("\x1b[4m\tGPU0\tGPU1\x1b[0m\nGPU0\t X \tNV2\nGPU1\tNV2\t X \n"),
            LinkJoins::all);
  EXPECT_EQ(read_nvlink_topology("GPU0 X 0-15\n"), std::nullopt);
  EXPECT_EQ(read_nvlink_topology(""), std::nullopt);
}

TEST(LocalNode, eight_h100) {
  const Partition partition =
      read_back(describe_local(node_with(std::vector<LocalGpu>(8, kH100)), catalog()))
          .partition("local");
  EXPECT_EQ(partition.device.name, "H100-SXM5-80GB");
  EXPECT_EQ(partition.devices_per_node, 8);
  EXPECT_EQ(partition.cpus_per_node, 64);
  EXPECT_EQ(partition.mem_gb_per_node, 512);
  EXPECT_EQ(partition.intra_node_gb_per_s_per_device, 450);  // the catalogue's NVLink
}

// As rocm-smi of ROCm 5 and 6 writes it; the case of keys differs between versions.
TEST(LocalNode, xgmi_between_all_some_or_none) {
  const auto links = [](const std::string& first, const std::string& second) {
    return read_xgmi_topology(
        "WARNING: low-power state\n{\"system\": {"
        "\"(Topology) Link type between DRM devices 0 and 1\": \"" +
        first +
        "\", "
        "\"(topology) link type between DRM devices 0 and 2\": \"" +
        second +
        "\", "
        "\"(Topology) Weight between DRM devices 0 and 1\": \"15\"}}");
  };
  EXPECT_EQ(links("XGMI", "XGMI"), LinkJoins::all);
  EXPECT_EQ(links("XGMI", "PCIE"), LinkJoins::some);
  EXPECT_EQ(links("PCIE", "PCIE"), LinkJoins::none);
  EXPECT_EQ(read_xgmi_topology("{\"card0\": {}}"), std::nullopt);
  EXPECT_EQ(read_xgmi_topology(""), std::nullopt);
}

// A container or a job step may have fewer CPUs than the node has GPUs.
TEST(LocalNode, fewer_cpus_than_gpus_are_left_out_with_a_note) {
  LocalNode node = node_with({kH100, kH100, kH100, kH100});
  node.cpus = 2;
  const DetectedCluster cluster = describe_local(node, catalog());
  EXPECT_EQ(read_back(cluster).partitions[0].cpus_per_node, std::nullopt);
  EXPECT_THAT(cluster_document(cluster),
              HasSubstr("# TODO cpus_per_node: 2 CPUs were seen for 4 GPUs"));
  EXPECT_THAT(describe_detection(cluster), HasSubstr("TODO cpus_per_node: 2 CPUs were seen"));
}

TEST(LocalNode, without_nvlink_pcie_counts) {
  LocalNode node = node_with({kH100, kH100});
  node.links = LinkJoins::none;
  const DetectedCluster cluster = describe_local(node, catalog());
  EXPECT_NEAR(read_back(cluster).partition("local").intra_node_gb_per_s_per_device, 63, 0.1);
  EXPECT_THAT(cluster.groups[0].remarks, Contains("no NVLink or xGMI between the GPUs: PCIe"));
}

TEST(LocalNode, a_gpu_that_the_catalogue_lacks_keeps_its_memory) {
  const DetectedCluster cluster =
      describe_local(node_with({{"NVIDIA Z9000", 24564, false}}), catalog());
  const Partition partition = read_back(cluster).partition("local");
  EXPECT_EQ(partition.device.visible_mem_mib, 24564);
  EXPECT_THAT(cluster_document(cluster),
              HasSubstr("# TODO: NVIDIA Z9000 is not in the GPU catalogue"));
}

TEST(LocalNode, kinds_of_gpus_become_partitions_and_slices_none) {
  const DetectedCluster cluster = describe_local(
      node_with({kH100, {"NVIDIA A100-SXM4-40GB", 40960, false}, {"Tesla T4", 15360, true}}),
      catalog());
  ASSERT_EQ(cluster.groups.size(), 2u);
  EXPECT_EQ(cluster.groups[0].name, "local-nvidia-h100-80gb-hbm3");
  EXPECT_THAT(cluster.left_out, ElementsAre("Tesla T4: in MIG mode, jobs get slices of it"));
  EXPECT_EQ(read_back(cluster).partitions.size(), 2u);
}

TEST(LocalNode, without_gpus_a_cpu_partition_with_assumed_speeds) {
  const DetectedCluster cluster = describe_local(node_with({}), catalog());
  const Partition partition = read_back(cluster).partition("local");
  EXPECT_EQ(partition.device.kind, DeviceClass::cpu);
  EXPECT_THAT(cluster_document(cluster), HasSubstr("# ASSUMED"));
}

TEST(LocalNode, this_machine_is_described) {
  const LocalNode node = look_at_this_node();
  EXPECT_GE(node.cpus, 1);
  EXPECT_GT(node.mem_gb, 0.1);
  EXPECT_FALSE(node.host.empty());
}

TEST(NetworkHint, active_ports_add_up) {
  const test::TempDir folder;
  const auto port = [&](const std::string& name, const std::string& state,
                        const std::string& rate) {
    const std::filesystem::path path = folder.path() / name / "ports" / "1";
    std::filesystem::create_directories(path);
    std::ofstream(path / "state") << state << "\n";
    std::ofstream(path / "rate") << rate << "\n";
  };
  port("mlx5_0", "4: ACTIVE", "400 Gb/sec (4X NDR)");
  port("mlx5_1", "4: ACTIVE", "200 Gb/sec (4X HDR)");
  port("mlx5_2", "1: DOWN", "10 Gb/sec (4X SDR)");
  EXPECT_EQ(active_ports_gb_per_s(folder.path()), 75);
  EXPECT_EQ(active_ports_gb_per_s(folder.path() / "none"), std::nullopt);
}

TEST(NetworkHint, features_name_a_generation) {
  EXPECT_EQ(network_from_features({"intel", "HDR100"}, true).value, 12.5);
  EXPECT_EQ(network_from_features({"ndr"}, true).value, 50);
  EXPECT_EQ(network_from_features({}, true).value, 12.5);
  EXPECT_EQ(network_from_features({}, false).value, 1.25);
  EXPECT_TRUE(network_from_features({"ndr"}, true).assumed.has_value());
}

}  // namespace
}  // namespace isoflop
