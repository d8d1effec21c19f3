// SPDX-License-Identifier: MIT
#include "core/hardware/gpu_catalog.hpp"

#include "core/hardware/precision.hpp"
#include "expect_error.hpp"

#include <algorithm>

namespace isoflop {
namespace {

using testing::HasSubstr;

const GpuCatalog& catalog() {
  static const GpuCatalog loaded = GpuCatalog::load();
  return loaded;
}

std::string name_of(const std::string& text) { return catalog().find(text).spec.name; }
std::string how_of(const std::string& text) { return catalog().find(text).how; }

TEST(GpuCatalog, finds_every_gpu_by_its_own_name) {
  EXPECT_EQ(catalog().gpus().size(), 32u);
  for (const DeviceSpec& gpu : catalog().gpus()) {
    EXPECT_EQ(name_of(gpu.name), gpu.name);
    EXPECT_EQ(how_of(gpu.name), "exact name");
    EXPECT_FALSE(gpu.source.empty()) << gpu.name;
    EXPECT_FALSE(gpu.certainty.empty()) << gpu.name;
  }
}

TEST(GpuCatalog, names_of_nvidia_smi) {
  EXPECT_EQ(name_of("NVIDIA H100 80GB HBM3"), "H100-SXM5-80GB");
  EXPECT_EQ(name_of("NVIDIA H100 PCIe"), "H100-PCIe-80GB");
  EXPECT_EQ(name_of("NVIDIA H100 NVL"), "H100-NVL-94GB");
  EXPECT_EQ(name_of("NVIDIA H200"), "H200-SXM-141GB");
  EXPECT_EQ(name_of("NVIDIA A100-SXM4-40GB"), "A100-SXM4-40GB");
  EXPECT_EQ(name_of("NVIDIA A100-SXM4-80GB"), "A100-SXM4-80GB");
  EXPECT_EQ(name_of("NVIDIA A100 80GB PCIe"), "A100-PCIe-80GB");
  EXPECT_EQ(name_of("NVIDIA A100-PCIE-40GB"), "A100-PCIe-40GB");
  EXPECT_EQ(name_of("Tesla V100-SXM2-32GB"), "V100-SXM2-32GB");
  EXPECT_EQ(name_of("NVIDIA GH200 480GB"), "GH200-96GB");
  EXPECT_EQ(name_of("NVIDIA B200"), "B200-SXM-180GB");
  EXPECT_EQ(name_of("NVIDIA GB200"), "GB200-NVL72");
  EXPECT_EQ(name_of("NVIDIA GeForce RTX 4090"), "RTX-4090");
}

TEST(GpuCatalog, names_of_people) {
  EXPECT_EQ(name_of("h100"), "H100-SXM5-80GB");
  EXPECT_EQ(name_of("H100-SXM"), "H100-SXM5-80GB");
  EXPECT_EQ(name_of("h100sxm"), "H100-SXM5-80GB");
  EXPECT_EQ(name_of("H100 PCIe"), "H100-PCIe-80GB");
  EXPECT_EQ(name_of("h100_nvl"), "H100-NVL-94GB");
  EXPECT_EQ(name_of("a100_80"), "A100-SXM4-80GB");
  EXPECT_EQ(name_of("a100-40gb"), "A100-SXM4-40GB");
  EXPECT_EQ(name_of("A100 PCIe 40GB"), "A100-PCIe-40GB");
  EXPECT_EQ(name_of("b200"), "B200-SXM-180GB");
  EXPECT_EQ(name_of("h200"), "H200-SXM-141GB");
  EXPECT_EQ(name_of("v100"), "V100-SXM2-16GB");
  EXPECT_EQ(name_of("v100-32g"), "V100-SXM2-32GB");
  EXPECT_EQ(name_of("4090"), "RTX-4090");
}

TEST(GpuCatalog, gres_text) {
  EXPECT_EQ(name_of("gpu:h100:8"), "H100-SXM5-80GB");
  EXPECT_EQ(name_of("gpu:nvidia_h100_80gb_hbm3:4(S:0-1)"), "H100-SXM5-80GB");
  EXPECT_EQ(name_of("gpu:nvidia_a100-sxm4-40gb:4"), "A100-SXM4-40GB");
  EXPECT_EQ(catalog().find("gpu:h100:8").gres->count, 8);
  EXPECT_THAT(how_of("gpu:h100:8"), HasSubstr("Slurm GRES type 'h100': assumed H100-SXM5-80GB"));
  EXPECT_EQ(how_of("gpu:nvidia_h200:8"), "Slurm GRES type 'nvidia_h200': known name 'NVIDIA H200'");
}

TEST(GpuCatalog, an_open_choice_is_said) {
  EXPECT_THAT(how_of("h100"), HasSubstr("the most common H100 (also possible: H100-PCIe-80GB"));
  EXPECT_THAT(how_of("a100_80"), HasSubstr("also possible: A100-PCIe-80GB)"));
  EXPECT_EQ(how_of("v100-32g"), "the only V100 that fits");
}

TEST(GpuCatalog, software_sees_dies_of_mi250x) {
  EXPECT_EQ(name_of("gpu:mi250x:8"), "MI250X-die");
  EXPECT_EQ(catalog().find("mi250x").spec.peak_dense_tflops(Precision::bf16), 191.5);
}

TEST(GpuCatalog, other_parts_with_similar_names_stay_unknown) {
  for (const char* other : {"A10G", "V100S", "L40", "A100X", "H100 40GB", "T4G"})
    EXPECT_THROW(catalog().find(other), ConfigError) << other;
}

TEST(GpuCatalog, errors_say_what_would_do) {
  EXPECT_THAT(config_error_of([] { catalog().find("hh100"); }), HasSubstr("did you mean 'h100'?"));
  EXPECT_THAT(config_error_of([] { catalog().find("A100 64GB"); }),
              HasSubstr("fits no known A100 ('64gb'); use A100-SXM4-80GB, A100-SXM4-40GB"));
  EXPECT_THAT(config_error_of([] { catalog().find("gpu:8"); }), HasSubstr("a GRES without a type"));
  EXPECT_THAT(config_error_of([] { catalog().find("nvidia_a100_3g.20gb"); }),
              HasSubstr("MIG slice"));
}

TEST(GpuCatalog, peaks_are_dense) {
  const DeviceSpec h100 = catalog().find("h100").spec;
  EXPECT_EQ(h100.peak_dense_tflops(Precision::bf16), 989.4);
  EXPECT_EQ(h100.peak_dense_tflops(Precision::fp8), 1978.9);
  EXPECT_EQ(catalog().find("H100 PCIe").spec.peak_dense_tflops(Precision::bf16), 756);
  EXPECT_EQ(catalog().find("h200").spec.peak_dense_tflops(Precision::bf16), 989.4);
  EXPECT_EQ(catalog().find("b200").spec.peak_dense_tflops(Precision::bf16), 2250);
  EXPECT_EQ(catalog().find("b200").spec.peak_dense_tflops(Precision::fp8), 4500);
}

TEST(GpuCatalog, no_bf16_peak_is_a_sparse_figure) {
  for (const DeviceSpec& gpu : catalog().gpus()) {
    const std::optional<double> bf16 = gpu.peak_dense_tflops(Precision::bf16);
    EXPECT_NE(bf16.value_or(0), 1979) << gpu.name;
    for (const auto& [precision, sparse] : gpu.sparse_tflops)
      EXPECT_LT(gpu.require_peak_dense_tflops(precision), sparse) << gpu.name;
  }
}

TEST(GpuCatalog, volta_and_turing_have_no_bf16) {
  for (const char* old : {"V100-SXM2-16GB", "V100-SXM2-32GB", "T4"})
    EXPECT_EQ(catalog().find(old).spec.peak_dense_tflops(Precision::bf16), std::nullopt) << old;
  EXPECT_EQ(
      config_error_of([] { catalog().find("T4").spec.require_peak_dense_tflops(Precision::bf16); }),
      "T4 has no bf16 (its precisions: fp32, fp16); choose one of these");
}

TEST(GpuCatalog, memory_is_what_nvidia_smi_shows) {
  EXPECT_DOUBLE_EQ(catalog().find("h100").spec.mem_bytes(), 81559.0 * 1048576.0);
  EXPECT_DOUBLE_EQ(catalog().find("mi300x").spec.mem_bytes(), 192e9);
}

TEST(GpuCatalog, nvlink_counts_one_direction) {
  EXPECT_EQ(catalog().find("h100").spec.scaleup_gb_per_s(), 450);
  EXPECT_EQ(catalog().find("L40S").spec.scaleup_gb_per_s(), std::nullopt);
  EXPECT_EQ(catalog().find("L40S").spec.pcie_gb_per_s(), 31.5);
}

constexpr const char* kTwoGpusOneName = R"(gpus:
  X1:
    family: X
    names: [thing]
    mem_gb: 1
    mem_bandwidth_gb_per_s: 1
    peak_tflops: {fp32: 1}
    source: none
  X2:
    family: X
    names: [Thing]
    mem_gb: 1
    mem_bandwidth_gb_per_s: 1
    peak_tflops: {fp32: 1}
    source: none
)";

TEST(GpuCatalog, one_name_cannot_belong_to_two_gpus) {
  EXPECT_THAT(config_error_of([] { GpuCatalog(ConfigNode::parse(kTwoGpusOneName, "gpus.yaml")); }),
              HasSubstr("the name 'Thing' also belongs to X1"));
}

}  // namespace
}  // namespace isoflop
