// SPDX-License-Identifier: MIT
#include "planner/train_efficiency.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

DeviceSpec measured() {
  DeviceSpec device;
  device.train_efficiency = {{Precision::fp32, 64, 2, 256, 0.2},
                             {Precision::fp32, 256, 4, 256, 0.4},
                             {Precision::bf16, 64, 2, 256, 0.9}};
  return device;
}

TEST(EfficiencyCurve, is_linear_in_the_logarithm_of_the_width) {
  const EfficiencyCurve curve(measured(), Precision::fp32);
  EXPECT_DOUBLE_EQ(*curve.at(64), 0.2);
  EXPECT_NEAR(*curve.at(128), 0.3, 1e-12);
  EXPECT_DOUBLE_EQ(*curve.at(256), 0.4);
}

TEST(EfficiencyCurve, keeps_the_last_value_beyond_the_rows) {
  const EfficiencyCurve curve(measured(), Precision::fp32);
  EXPECT_DOUBLE_EQ(*curve.at(32), 0.2);
  EXPECT_DOUBLE_EQ(*curve.at(4096), 0.4);
}

TEST(EfficiencyCurve, averages_rows_of_equal_width) {
  DeviceSpec device = measured();
  device.train_efficiency.push_back({Precision::fp32, 64, 8, 256, 0.3});
  EXPECT_DOUBLE_EQ(*EfficiencyCurve(device, Precision::fp32).at(64), 0.25);
}

TEST(EfficiencyCurve, knows_nothing_of_other_precisions) {
  EXPECT_FALSE(EfficiencyCurve(measured(), Precision::fp16).at(64).has_value());
}

}  // namespace
}  // namespace isoflop
