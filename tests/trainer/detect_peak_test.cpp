// SPDX-License-Identifier: MIT
#include "trainer/detect_peak.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr const char* kH100 = "NVIDIA H100 80GB HBM3";  // as nvidia-smi prints them
constexpr const char* kA100 = "NVIDIA A100-SXM4-80GB";
constexpr const char* kUnknown = "NVIDIA Z9000";
constexpr const char* kCpu = "";

DetectedPeak detect(const DeviceConfig& configured, const std::string& gpu_name,
                    Precision precision = Precision::bf16) {
  static const GpuCatalog catalog = GpuCatalog::load();
  return detect_peak(configured, precision, gpu_name, catalog);
}

/// As planner writes it for a cluster of H100s.
DeviceConfig planned_h100() {
  return {.name = "H100-SXM5-80GB", .peak_tflops = 989.4, .peak_source = "the plan's"};
}

TEST(DetectPeak, without_configuration_takes_name_and_dense_peak_of_a_known_gpu) {
  const DetectedPeak result = detect({}, kH100);
  EXPECT_EQ(result.device.name, "H100-SXM5-80GB");
  EXPECT_EQ(result.device.peak_tflops, 989.4);
  EXPECT_FALSE(result.device.peak_source.empty());
  EXPECT_FALSE(result.warning);
}

TEST(DetectPeak, fp32_is_the_rate_without_tf32) {
  EXPECT_EQ(detect({}, kH100, Precision::fp32).device.peak_tflops, 66.9);
  EXPECT_EQ(detect({}, kH100, Precision::tf32).device.peak_tflops, 494.7);
  EXPECT_EQ(detect({}, kA100, Precision::fp32).device.peak_tflops, 19.5);
}

TEST(DetectPeak, a_gpu_without_the_precision_has_no_peak) {
  EXPECT_FALSE(detect({}, "Tesla T4", Precision::bf16).device.peak_tflops);
  EXPECT_EQ(detect({}, "Tesla T4", Precision::fp16).device.peak_tflops, 65);
}

TEST(DetectPeak, an_unknown_gpu_without_configuration_has_no_peak) {
  const DetectedPeak result = detect({}, kUnknown);
  EXPECT_FALSE(result.device.peak_tflops);
  EXPECT_EQ(result.device, DeviceConfig{});
  EXPECT_FALSE(result.warning);
}

TEST(DetectPeak, part_of_a_gpu_is_not_the_gpu) {
  EXPECT_FALSE(detect({}, "NVIDIA A100-SXM4-80GB MIG 3g.40gb").device.peak_tflops);
}

TEST(DetectPeak, a_configured_peak_holds_for_the_device_it_was_made_for) {
  const DeviceConfig own = {.name = "", .peak_tflops = 123, .peak_source = "measured"};
  EXPECT_EQ(detect(own, kUnknown).device, own);
  EXPECT_EQ(detect(own, kH100).device.peak_tflops, 123);
  EXPECT_EQ(detect(own, kCpu).device, own);
  DetectedPeak planned = detect(planned_h100(), kH100);
  EXPECT_EQ(planned.device, planned_h100());
  EXPECT_FALSE(planned.warning);
}

TEST(DetectPeak, a_device_of_the_users_own_naming_keeps_its_peak) {
  const DeviceConfig own = {.name = "our box", .peak_tflops = 0.2, .peak_source = "measured"};
  for (const char* const found : {kCpu, kUnknown, kH100}) {
    EXPECT_EQ(detect(own, found).device, own) << found;
    EXPECT_FALSE(detect(own, found).warning) << found;
  }
}

TEST(DetectPeak, a_plan_for_another_gpu_takes_the_peak_of_the_one_found_and_says_so) {
  const DetectedPeak result = detect(planned_h100(), kA100);
  EXPECT_EQ(result.device.name, kA100);
  EXPECT_EQ(result.device.peak_tflops, 312);
  EXPECT_NE(result.device.peak_source, "the plan's");
  EXPECT_EQ(result.warning,
            "device.name is 'H100-SXM5-80GB' (this rank runs on 'NVIDIA A100-SXM4-80GB'); its bf16 "
            "peak of 312 TFLOP/s is used");
}

TEST(DetectPeak, another_form_of_the_same_family_is_another_gpu) {
  const DetectedPeak result = detect(planned_h100(), "NVIDIA H100 PCIe");
  EXPECT_EQ(result.device.peak_tflops, 756);
  EXPECT_TRUE(result.warning);
}

TEST(DetectPeak, a_plan_for_a_gpu_on_an_unknown_device_has_no_peak_and_says_so) {
  for (const char* const found : {kUnknown, kCpu}) {
    const DetectedPeak result = detect(planned_h100(), found);
    EXPECT_FALSE(result.device.peak_tflops) << found;
    EXPECT_EQ(result.device.name, found);
    ASSERT_TRUE(result.warning) << found;
    EXPECT_THAT(*result.warning, testing::HasSubstr("no bf16 peak of it is known: MFU is not "
                                                    "reported; set device.name and "));
  }
  EXPECT_THAT(*detect(planned_h100(), kCpu).warning, testing::HasSubstr("runs on 'a CPU'"));
}

}  // namespace
}  // namespace isoflop
