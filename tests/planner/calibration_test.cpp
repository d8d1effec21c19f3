// SPDX-License-Identifier: MIT
#include "planner/calibration.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(Calibration, every_shipped_constant_reads_and_states_its_origin) {
  DeviceSpec device;
  for (const DeviceClass kind : {DeviceClass::gpu, DeviceClass::cpu}) {
    device.kind = kind;
    const Calibration calibration = load_calibration(device);  // throws without an origin
    EXPECT_GT(calibration.gemm_sustained, 0);
    EXPECT_LT(calibration.prediction_margin, 0.5);
  }
}

TEST(Calibration, an_architecture_with_its_own_figure_uses_it) {
  Calibration calibration;
  calibration.gemm_sustained = 0.5;
  calibration.gemm_sustained_by_architecture = {{"Hopper", 0.7}};
  DeviceSpec device;
  device.architecture = "Hopper";
  EXPECT_EQ(calibration.sustained(device), 0.7);
  device.architecture = "Volta";
  EXPECT_EQ(calibration.sustained(device), 0.5);
}

TEST(Calibration, a_constant_without_origin_is_an_error) {
  const auto message = [](const std::string& text) {
    return test::message_of<ConfigError>(
        [&] { read_calibration(ConfigNode::parse(text, "calibration.yaml"), "gpu"); });
  };
  EXPECT_THAT(message("gpu:\n  gemm_ceiling: {value: 0.8, unit: fraction}\n"), HasSubstr("origin"));
  EXPECT_THAT(message("gpu:\n  gemm_ceiling: {value: 0.8, unit: f, origin: ''}\n"),
              HasSubstr("must not be empty"));
  EXPECT_THAT(message("gpu:\n  gemm_ceiling: {value: -1, unit: f, origin: x}\n"),
              HasSubstr("must not be negative"));
}

}  // namespace
}  // namespace isoflop
