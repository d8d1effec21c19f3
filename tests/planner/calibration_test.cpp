// SPDX-License-Identifier: MIT
#include "planner/calibration.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/fit/calibration_file.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(Calibration, every_shipped_constant_reads_and_states_its_origin) {
  DeviceSpec device;
  for (const DeviceClass kind : {DeviceClass::gpu, DeviceClass::cpu}) {
    device.kind = kind;
    const Calibration calibration = load_calibration(device.kind);  // throws without an origin
    EXPECT_GT(calibration.gemm_sustained.otherwise, 0);
    EXPECT_LT(calibration.prediction_margin, 0.5);
  }
}

TEST(Calibration, a_kind_with_its_own_figure_uses_it) {
  const ConstantByKind constant{.otherwise = 0.5, .of = {{"Hopper", 0.7}}};
  EXPECT_EQ(constant.at("Hopper"), 0.7);
  EXPECT_EQ(constant.at("Volta"), 0.5);
}

TEST(Calibration, a_constant_without_origin_is_an_error) {
  const auto message = [](const std::string& text) {
    return test::message_of<ConfigError>(
        [&] { CalibrationFile{ConfigNode::parse(text, "calibration.yaml")}; });
  };
  EXPECT_THAT(message("gpu:\n  gemm_ceiling: {value: 0.8, unit: fraction}\n"), HasSubstr("origin"));
  EXPECT_THAT(message("gpu:\n  gemm_ceiling: {value: 0.8, unit: f, origin: ''}\n"),
              HasSubstr("must not be empty"));
  EXPECT_THAT(message("gpu:\n  gemm_ceiling: {value: -1, unit: f, origin: x}\n"),
              HasSubstr("must not be negative"));
  EXPECT_THAT(message("gpu:\n  gemm_ceiling: {value: 1, of: {Hopper: -1}, unit: f, origin: x}\n"),
              HasSubstr("must not be negative"));
}

}  // namespace
}  // namespace isoflop
