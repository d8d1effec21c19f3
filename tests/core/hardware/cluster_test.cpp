// SPDX-License-Identifier: MIT
#include "core/hardware/cluster.hpp"

#include "core/base/text_file.hpp"
#include "expect_error.hpp"

#include <filesystem>

namespace isoflop {
namespace {

using testing::HasSubstr;

Cluster read(const std::string& text, const std::filesystem::path& folder = "/nonexistent") {
  static const GpuCatalog catalog = GpuCatalog::load();
  return read_cluster(ConfigNode::parse(text, "c.yaml"), folder, catalog);
}

/// A cluster of one partition; keys of the partition start on line 4.
std::string with_keys(const std::string& keys) {
  return "name: c\npartitions:\n- name: p\n" + keys;
}

std::string error_of(const std::string& keys) {
  return config_error_of([&] { read(with_keys(keys)); });
}

constexpr const char* kH100 =
    "  nodes: 2\n  gpu: h100\n  gpus_per_node: 8\n  inter_node_gb_per_s_per_node: 400\n";
constexpr const char* kCpuDevice =
    "devices:\n  box: {kind: cpu, mem_gb: 8, mem_bandwidth_gb_per_s: 20, peak_tflops: {fp32: 0.1}, "
    "source: s}\n";

TEST(Cluster, defaults_of_a_minimal_partition) {
  const Cluster cluster = read(with_keys(kH100));
  const Partition& partition = cluster.partition("p");
  EXPECT_EQ(partition.slurm_partition, "p");
  EXPECT_EQ(partition.device_text, "h100");
  EXPECT_THAT(partition.device_how, HasSubstr("assumed H100-SXM5-80GB"));
  EXPECT_EQ(partition.intra_node_gb_per_s_per_device, 450);
  EXPECT_EQ(partition.inter_node_latency_us, 14);
  EXPECT_EQ(partition.time_limit_s, std::nullopt);
  EXPECT_EQ(partition.job.mpi, "pmix");
  EXPECT_EQ(cluster.allocation.gpu_hours, std::nullopt);
}

TEST(Cluster, gres_text_gives_the_count) {
  const Partition partition =
      read(with_keys("  nodes: 1\n  gpu: gpu:h100:4(S:0-1)\n")).partition("p");
  EXPECT_EQ(partition.devices_per_node, 4);
  EXPECT_EQ(partition.gres_type, "h100");
  EXPECT_THAT(
      error_of("  nodes: 1\n  gpu: gpu:h100:4\n  gpus_per_node: 8\n"),
      HasSubstr("c.yaml:6: partitions[0].gpus_per_node is '8' (the GRES text says 4); remove one"));
}

TEST(Cluster, nvlink_pairs_do_not_join_a_node_of_eight) {
  const std::string keys = "  nodes: 1\n  gpu: A100-PCIe-80GB\n";
  EXPECT_EQ(
      read(with_keys(keys + "  gpus_per_node: 8\n")).partition("p").intra_node_gb_per_s_per_device,
      31.5);
  EXPECT_EQ(
      read(with_keys(keys + "  gpus_per_node: 2\n")).partition("p").intra_node_gb_per_s_per_device,
      300);
}

TEST(Cluster, counts_must_be_positive) {
  EXPECT_EQ(error_of("  nodes: 0\n"), "c.yaml:4: partitions[0].nodes is '0' (must be at least 1)");
  EXPECT_THAT(error_of("  nodes: -2\n"), HasSubstr("must be at least 1"));
  EXPECT_THAT(error_of("  nodes: 2\n  gpu: h100\n  gpus_per_node: 0\n"), HasSubstr("c.yaml:6"));
  EXPECT_THAT(error_of(std::string(kH100) + "  cpus_per_node: 4\n"),
              HasSubstr("below the 8 ranks"));
  EXPECT_THAT(error_of(std::string(kH100) + "  mem_gb_per_node: 0\n"),
              HasSubstr("must be above zero"));
}

TEST(Cluster, missing_and_unknown_keys_are_named) {
  EXPECT_THAT(error_of("  nodes: 2\n"), HasSubstr("key 'gpu' is missing"));
  EXPECT_THAT(error_of("  nodes: 2\n  gpu: h100\n  gpus_per_node: 8\n"),
              HasSubstr("key 'inter_node_gb_per_s_per_node' is missing"));
  EXPECT_EQ(
      error_of(std::string(kH100) + "  acount: me\n"),
      "c.yaml:8: unknown key 'acount' in 'partitions[0]' (did you mean 'account'?); remove it or "
      "correct its spelling");
  EXPECT_THAT(config_error_of([] { read("name: c\nalocation: {}\npartitions: []\n"); }),
              HasSubstr("c.yaml:2: unknown key 'alocation' (did you mean 'allocation'?)"));
}

TEST(Cluster, unknown_gpu_is_named_with_its_line) {
  EXPECT_THAT(error_of("  nodes: 2\n  gpu: hh100\n"),
              HasSubstr("c.yaml:5: partitions[0].gpu: GPU 'hh100' is not in the catalogue (did you "
                        "mean 'h100'?); use a name"));
}

TEST(Cluster, partition_names_are_unique) {
  const std::string entry = std::string("- name: p\n") + kH100;
  EXPECT_THAT(config_error_of([&] { read("name: c\npartitions:\n" + entry + entry); }),
              HasSubstr("c.yaml:8: partitions[1].name is 'p' (another partition has that name)"));
  EXPECT_THAT(config_error_of([&] { read("name: c\npartitions: []\n"); }),
              HasSubstr("no partition"));
  EXPECT_THAT(config_error_of([&] { read("name: c\npartitions:\n" + entry).partition("q"); }),
              HasSubstr("partition 'q'"));
}

TEST(Cluster, partition_defaults_and_overrides) {
  const Cluster cluster = read(
      "name: c\ndefaults: {account: shared, environment: {A: 1, B: 2}}\npartitions:\n- name: p\n" +
      std::string(kH100) + "  account: mine\n  environment: {B: 3}\n");
  const JobSettings& job = cluster.partition("p").job;
  EXPECT_EQ(job.account, "mine");
  EXPECT_EQ(job.environment, (std::vector<EnvironmentVariable>{{"A", "1"}, {"B", "3"}}));
}

TEST(Cluster, text_that_would_break_a_script_is_refused) {
  EXPECT_THAT(error_of(std::string(kH100) + "  account: \"a\\nb\"\n"),
              HasSubstr("must be a single line"));
  for (const char* name : {"A-B", "1A", "A B"})
    EXPECT_THAT(error_of(std::string(kH100) + "  environment: {" + name + ": 1}\n"),
                HasSubstr("cannot be a variable's name"));
  EXPECT_THAT(error_of(std::string(kH100) + "  gpu_request: all\n"),
              HasSubstr("gpus_per_node, gres or none"));
}

TEST(Cluster, cpu_partition_needs_a_defined_device) {
  const std::string keys = "  nodes: 1\n  cpu_device: box\n  ranks_per_node: 1\n";
  EXPECT_EQ(read(with_keys(keys) + kCpuDevice).partition("p").device.name, "box");
  EXPECT_THAT(error_of(keys), HasSubstr("no device of that name is defined"));
  EXPECT_THAT(config_error_of([&] { read(with_keys("  nodes: 1\n  gpu: box\n") + kCpuDevice); }),
              HasSubstr("that device is a CPU"));
  EXPECT_THAT(error_of("  nodes: 1\n  gpu: h100\n  cpu_device: box\n"),
              HasSubstr("gpu is given too"));
}

class DeviceFile : public testing::Test {
 protected:
  DeviceFile() : folder_(std::filesystem::path(testing::TempDir()) / "isoflop_device_file") {
    std::filesystem::remove_all(folder_);
  }
  ~DeviceFile() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_;
  const std::string cluster_ = with_keys("  nodes: 1\n  cpu_device: box\n  ranks_per_node: 1\n") +
                               "device_file: sub/../d.yaml\n";
};

TEST_F(DeviceFile, replaces_the_stated_device) {
  write_text_file(folder_ / "d.yaml",
                  "devices:\n  box: {kind: cpu, mem_gb: 9, mem_bandwidth_gb_per_s: 20, "
                  "peak_tflops: {fp32: 0.2}, source: trainer bench}\n");
  const Partition partition = read(cluster_ + kCpuDevice, folder_).partition("p");
  EXPECT_EQ(partition.device.peak_dense_tflops(Precision::fp32), 0.2);
  EXPECT_THAT(partition.device_how, HasSubstr("d.yaml:2, trainer bench"));
}

TEST_F(DeviceFile, absent_falls_back_on_devices_and_says_so) {
  const Partition partition = read(cluster_ + kCpuDevice, folder_).partition("p");
  EXPECT_EQ(partition.device.peak_dense_tflops(Precision::fp32), 0.1);
  EXPECT_THAT(partition.device_how, HasSubstr("not measured here: run trainer bench --out"));
}

TEST_F(DeviceFile, absent_without_devices_is_an_error) {
  EXPECT_THROW(read(cluster_, folder_), FileError);
}

TEST_F(DeviceFile, complaints_name_its_own_line) {
  write_text_file(folder_ / "d.yaml", "devices:\n  box:\n    kind: cpu\n    mem_gb: no\n");
  EXPECT_THAT(config_error_of([&] { read(cluster_, folder_); }),
              HasSubstr("d.yaml:4: devices.box.mem_gb"));
}

}  // namespace
}  // namespace isoflop
