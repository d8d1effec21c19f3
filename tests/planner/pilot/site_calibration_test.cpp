// SPDX-License-Identifier: MIT
#include "planner/pilot/site_calibration.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

StepTime step_of(double matmul_s, double communication_s) {
  StepTime step;
  step.matmul_s = matmul_s;
  step.communication_s = communication_s;
  step.forward_s = matmul_s / 3;
  return step;
}

TEST(SpeedCorrection, multiplies_each_class_of_cost) {
  const SpeedCorrection speed{.compute = 2, .communication = 3, .layouts = {}};
  const StepTime corrected = speed.apply(step_of(1, 0.5), {});
  EXPECT_DOUBLE_EQ(corrected.matmul_s, 2);
  EXPECT_DOUBLE_EQ(corrected.communication_s, 1.5);
  EXPECT_DOUBLE_EQ(corrected.forward_s, 2.0 / 3);
  EXPECT_DOUBLE_EQ(corrected.total(), 3.5);
}

TEST(SpeedCorrection, a_measured_layout_has_a_factor_of_its_own) {
  const Layout measured{.micro_batch_size = 4};
  const SpeedCorrection speed{.layouts = {{layout_kind(measured), 0.5}}};
  EXPECT_DOUBLE_EQ(speed.apply(step_of(1, 1), measured).total(), 1);
  EXPECT_DOUBLE_EQ(speed.apply(step_of(1, 1), {.micro_batch_size = 8}).total(), 2);
}

TEST(LayoutKind, leaves_out_accumulation_alone) {
  EXPECT_EQ(layout_kind({.grad_accum_steps = 8}), layout_kind({}));
  EXPECT_NE(layout_kind({.micro_batch_size = 2}), layout_kind({}));
  EXPECT_NE(layout_kind({.recompute = Recompute::full}), layout_kind({}));
}

TEST(SiteConstants, are_set_by_name) {
  CalibrationSection section = CalibrationFile::load(default_calibration_file()).section("gpu");
  set_constant(section, "step_time_spread", 0.01234567, "a pilot");
  EXPECT_DOUBLE_EQ(section.values().step_time_spread, 0.0123);
  EXPECT_EQ(constant_of(section, "step_time_spread").fitted_on, "a pilot");
  EXPECT_THAT(test::message_of<ConfigError>([&] { constant_of(section, "luck"); }),
              HasSubstr("no constant 'luck'"));
}

}  // namespace
}  // namespace isoflop
