// SPDX-License-Identifier: MIT
#include "core/hardware/device_writer.hpp"

#include "core/hardware/device_reader.hpp"
#include "core/hardware/gpu_catalog.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

const GpuCatalog& catalog() {
  static const GpuCatalog loaded = GpuCatalog::load();
  return loaded;
}

DeviceSpec read_back(const DeviceSpec& device) {
  MapReader document(ConfigNode::parse(device_document(device), "device.yaml"));
  MapReader devices(document.required_node("devices"));
  return read_device(device.name, devices.required_node(device.name), catalog());
}

TEST(DeviceWriter, a_cpu_as_a_cluster_file_takes_it) {
  DeviceSpec cpu;
  cpu.name = "box";
  cpu.kind = DeviceClass::cpu;
  cpu.mem_gb = 20;
  cpu.mem_bandwidth_gb_per_s = 25.5;
  cpu.peak_tflops = {{Precision::fp32, 0.12}};
  cpu.train_efficiency = {
      {.precision = Precision::fp32, .d_model = 128, .n_layer = 4, .seq_len = 256, .mfu = 0.375}};
  cpu.source = "trainer bench on box";
  EXPECT_EQ(device_document(cpu),
            "devices:\n"
            "  box:\n"
            "    kind: cpu\n"
            "    mem_gb: 20\n"
            "    mem_bandwidth_gb_per_s: 25.5\n"
            "    peak_tflops:\n"
            "      fp32: 0.12\n"
            "    train_efficiency:\n"
            "      - precision: fp32\n"
            "        d_model: 128\n"
            "        n_layer: 4\n"
            "        seq_len: 256\n"
            "        mfu: 0.375\n"
            "    source: trainer bench on box\n");
}

TEST(DeviceWriter, efficiencies_read_back) {
  DeviceSpec cpu;
  cpu.name = "box";
  cpu.kind = DeviceClass::cpu;
  cpu.mem_gb = 20;
  cpu.mem_bandwidth_gb_per_s = 25.5;
  cpu.peak_tflops = {{Precision::fp32, 0.12}};
  cpu.train_efficiency = {
      {.precision = Precision::fp32, .d_model = 64, .n_layer = 2, .seq_len = 128, .mfu = 0.1},
      {.precision = Precision::fp32, .d_model = 512, .n_layer = 8, .seq_len = 256, .mfu = 0.4}};
  cpu.source = "trainer bench";
  const DeviceSpec again = read_back(cpu);
  ASSERT_EQ(again.train_efficiency.size(), 2U);
  EXPECT_EQ(again.train_efficiency[1].d_model, 512);
  EXPECT_EQ(again.train_efficiency[1].mfu, 0.4);
  EXPECT_EQ(device_document(again), device_document(cpu));
}

TEST(DeviceWriter, every_gpu_reads_back_the_same) {
  for (const DeviceSpec& gpu : catalog().gpus()) {
    const DeviceSpec again = read_back(gpu);
    EXPECT_EQ(device_document(again), device_document(gpu));
    EXPECT_EQ(again.peak_tflops, gpu.peak_tflops);
    EXPECT_EQ(again.mem_bytes(), gpu.mem_bytes());
    EXPECT_EQ(again.note, gpu.note);
  }
}

}  // namespace
}  // namespace isoflop
