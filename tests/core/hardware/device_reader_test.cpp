// SPDX-License-Identifier: MIT
#include "core/hardware/device_reader.hpp"

#include "core/hardware/gpu_catalog.hpp"
#include "expect_error.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

DeviceSpec read(const std::string& text) {
  static const GpuCatalog catalog = GpuCatalog::load();
  return read_device("mine", ConfigNode::parse(text, "cluster.yaml"), catalog);
}

TEST(DeviceReader, a_cpu_with_its_measured_figures) {
  const DeviceSpec cpu = read(
      "{kind: cpu, mem_gb: 20, mem_bandwidth_gb_per_s: 25, peak_tflops: {fp32: 0.12},"
      " train_efficiency: [{d_model: 128, n_layer: 4, seq_len: 256, mfu: 0.4}], source: bench}");
  EXPECT_EQ(cpu.kind, DeviceClass::cpu);
  EXPECT_EQ(cpu.name, "mine");
  EXPECT_EQ(cpu.peak_dense_tflops(Precision::fp32), 0.12);
  ASSERT_EQ(cpu.train_efficiency.size(), 1U);
  EXPECT_EQ(cpu.train_efficiency.front().precision, Precision::fp32);
  EXPECT_EQ(cpu.train_efficiency.front().d_model, 128);
  EXPECT_EQ(cpu.train_efficiency.front().mfu, 0.4);
  EXPECT_DOUBLE_EQ(cpu.mem_bytes(), 20e9);
}

TEST(DeviceReader, like_starts_from_the_catalogue) {
  const DeviceSpec gpu =
      read("{kind: gpu, like: h100 pcie, tdp_w: 310, mem_gb: 64, source: vendor}");
  EXPECT_EQ(gpu.name, "mine");
  EXPECT_EQ(gpu.tdp_w, 310);
  EXPECT_EQ(gpu.peak_dense_tflops(Precision::bf16), 756);
  EXPECT_DOUBLE_EQ(gpu.mem_bytes(), 64e9);  // not the 81559 MiB of the original
}

TEST(DeviceReader, a_sparse_figure_is_refused_as_peak) {
  const std::string keys =
      "kind: gpu\nmem_gb: 80\nmem_bandwidth_gb_per_s: 3350\nsource: brochure\n";
  EXPECT_EQ(
      config_error_of([&] { read(keys + "peak_tflops:\n  bf16: 1979\n"); }),
      "cluster.yaml:6: peak_tflops.bf16 is '1979' (the sparse figure of H100-SXM5-80GB); its dense "
      "bf16 peak is 989.4; if yours is dense, state sparse_tflops too");
  EXPECT_EQ(read(keys + "peak_tflops: {bf16: 1979}\nsparse_tflops: {bf16: 3958}\n")
                .peak_dense_tflops(Precision::bf16),
            1979);
}

TEST(DeviceReader, figures_need_a_peak_and_stay_below_it) {
  const std::string keys = "kind: cpu\nmem_gb: 8\nmem_bandwidth_gb_per_s: 20\nsource: x\n";
  EXPECT_THAT(config_error_of([&] { read(keys); }), HasSubstr("peak_tflops is empty"));
  EXPECT_THAT(
      config_error_of([&] { read(keys + "peak_tflops: {fp32: 1}\nmeasured_tflops: {fp32: 2}"); }),
      HasSubstr("measured_tflops.fp32 is 2, above the dense peak"));
  const std::string row = "peak_tflops: {fp32: 1}\ntrain_efficiency:\n- {d_model: 64, n_layer: 2, ";
  EXPECT_THAT(
      config_error_of([&] { read(keys + row + "seq_len: 64, mfu: 0.4, precision: bf16}"); }),
      HasSubstr("unknown bf16 peak"));
  EXPECT_THAT(config_error_of([&] { read(keys + row + "seq_len: 64, mfu: 40}"); }),
              HasSubstr("mfu is '40' (must be a fraction of the peak"));
}

TEST(DeviceReader, wrong_keys_are_named_with_their_line) {
  const std::string keys = "kind: cpu\nmem_gb: 8\nmem_bandwidth_gb_per_s: 20\nsource: x\n";
  EXPECT_THAT(
      config_error_of([&] { read(keys + "peak_tflops: {bf61: 1}"); }),
      HasSubstr("cluster.yaml:5: peak_tflops.bf61 is '1' ('bf61' is not a precision (did you mean "
                "'bf16'?))"));
  EXPECT_THAT(config_error_of([&] { read(keys + "peak_tflops: {fp32: 1}\npeak_watts: 3"); }),
              HasSubstr("cluster.yaml:6: unknown key 'peak_watts'"));
  EXPECT_THAT(config_error_of([&] { read("kind: tpu\n"); }), HasSubstr("must be gpu or cpu"));
  EXPECT_THAT(config_error_of([&] { read(keys + "like: h100"); }), HasSubstr("only GPUs"));
}

}  // namespace
}  // namespace isoflop
