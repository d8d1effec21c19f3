// SPDX-License-Identifier: MIT
#include "core/hardware/cluster.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace isoflop {
namespace {

const std::filesystem::path kFolder = ISOFLOP_SOURCE_DIR "/configs/clusters";

Cluster load(const std::string& file) { return load_cluster(kFolder / file, GpuCatalog::load()); }

TEST(ClusterFiles, each_loads_and_opens_with_its_purpose) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    SCOPED_TRACE(entry.path().string());
    const Cluster cluster = load(entry.path().filename());
    EXPECT_FALSE(cluster.partitions.empty());
    std::ifstream stream(entry.path());
    std::string licence, purpose;
    std::getline(stream, licence);
    std::getline(stream, purpose);
    EXPECT_TRUE(purpose.starts_with("# ")) << purpose;
    ++count;
  }
  EXPECT_GE(count, 8);
}

TEST(ClusterFiles, h100_16x8) {
  const Partition partition = load("h100-16x8.yaml").partition("h100");
  EXPECT_EQ(partition.devices(), 128);
  EXPECT_EQ(partition.device.name, "H100-SXM5-80GB");
  EXPECT_EQ(partition.intra_node_gb_per_s_per_device, 450);
  EXPECT_EQ(partition.inter_node_gb_per_s_per_node, 400);
  EXPECT_EQ(partition.time_limit_s, 86400);
  EXPECT_EQ(partition.gpu_request, GpuRequest::gpus_per_node);
  EXPECT_EQ(partition.slurm_partition, "h100");
}

TEST(ClusterFiles, template_shows_every_key_in_use) {
  const Cluster cluster = load("template.yaml");
  const Partition& h100 = cluster.partition("h100");
  EXPECT_EQ(cluster.allocation.gpu_hours, 20000);
  EXPECT_EQ(cluster.allocation.max_gpus_per_job, 64);
  EXPECT_EQ(cluster.allocation.max_jobs, 4);
  EXPECT_EQ(h100.slurm_partition, "gpu");
  EXPECT_EQ(h100.gpu_request, GpuRequest::gres);
  EXPECT_EQ(h100.gres_type, "h100");
  EXPECT_EQ(h100.price_per_gpu_hour, 2.5);
  EXPECT_EQ(h100.job.constraint, "h100&ib");
  EXPECT_EQ(h100.job.modules.size(), 3u);
  EXPECT_EQ(h100.job.environment.front().value, "ib0");
  EXPECT_EQ(h100.job.setup.front(), "ulimit -l unlimited");
  EXPECT_EQ(h100.job.work_dir, "/scratch/my-project");
  EXPECT_EQ(cluster.partition("cpu").device.kind, DeviceClass::cpu);
  EXPECT_EQ(cluster.partition("cpu").job.account, "my-project");
}

TEST(ClusterFiles, mixed_has_a100_and_h100) {
  const Cluster cluster = load("mixed.yaml");
  EXPECT_EQ(cluster.partition("a100").device.name, "A100-SXM4-40GB");
  EXPECT_EQ(cluster.partition("h100").device.name, "H100-SXM5-80GB");
  EXPECT_EQ(cluster.partition("h100").devices_per_node, 8);
}

TEST(ClusterFiles, testbed_has_two_cpu_ranks) {
  const Partition partition = load("testbed.yaml").partition("cpu");
  EXPECT_EQ(partition.devices(), 2);
  EXPECT_EQ(partition.device.kind, DeviceClass::cpu);
  EXPECT_EQ(partition.gpu_request, GpuRequest::none);
}

}  // namespace
}  // namespace isoflop
