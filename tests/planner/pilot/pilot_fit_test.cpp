// SPDX-License-Identifier: MIT
#include "planner/pilot/pilot_fit.hpp"

#include <gtest/gtest.h>

#include <array>

namespace isoflop {
namespace {

PilotPoint point(double measured_s, double scatter = 0.01) {
  PilotPoint point;
  point.predicted.matmul_s = 1;
  point.step_s = measured_s;
  point.scatter = scatter;
  return point;
}

TEST(PilotFit, one_layout_gives_one_factor) {
  const std::array points = {point(1.2)};
  const PilotFit fit = fit_pilot(points);
  EXPECT_NEAR(fit.speed.compute, 1.2, 1e-12);
  EXPECT_NEAR(fit.speed.communication, 1.2, 1e-12);
  EXPECT_TRUE(fit.speed.layouts.empty());
  EXPECT_NEAR(fit.spread, 0.01 * 2.776 / 1.959964, 1e-9);  // Student's t of five parts
}

TEST(PilotFit, communication_that_matters_has_its_own_factor) {
  PilotPoint slow = point(3);
  slow.predicted.communication_s = 0.5;
  slow.communication_s = 1.5;
  const PilotFit fit = fit_pilot(std::array{slow});
  EXPECT_NEAR(fit.speed.communication, 3, 1e-12);
  EXPECT_NEAR(fit.speed.compute, 1.5, 1e-12);
  slow.predicted.communication_s = 0.02;  // below 5 % of the step: noise
  EXPECT_NEAR(fit_pilot(std::array{slow}).speed.communication, 3 / 1.02, 1e-12);
}

TEST(PilotFit, layouts_that_differ_by_more_than_their_scatter_keep_the_difference) {
  std::array points = {point(1.0), point(1.21)};
  points[1].layout.micro_batch_size = 8;
  const PilotFit fit = fit_pilot(points);
  EXPECT_NEAR(fit.speed.compute, 1.1, 1e-12);
  ASSERT_EQ(fit.speed.layouts.size(), 2U);
  for (const PilotPoint& p : points)
    EXPECT_NEAR(fit.speed.apply(p.predicted, p.layout).total(), p.step_s, 1e-12);
  EXPECT_GT(fit.spread, 0.09) << "what the common factor leaves is in the spread";
}

TEST(PilotFit, noise_makes_no_layout_faster_than_another) {
  std::array points = {point(1.0, 0.1), point(1.05, 0.1)};
  points[1].layout.micro_batch_size = 8;
  EXPECT_TRUE(fit_pilot(points).speed.layouts.empty());
}

TEST(PilotMargin, lies_between_the_least_and_the_uncalibrated_one) {
  EXPECT_DOUBLE_EQ(margin_for(0.001, 0.1), kLeastMargin);
  EXPECT_NEAR(margin_for(0.03, 0.1), 0.0606, 0.001);
  EXPECT_DOUBLE_EQ(margin_for(0.3, 0.1), 0.1);
  EXPECT_DOUBLE_EQ(margin_for(0.3, 0.01), 0.01);
}

}  // namespace
}  // namespace isoflop
