// SPDX-License-Identifier: MIT
#include "planner/designs_plot.hpp"

#include "core/base/program_output.hpp"
#include "core/base/text_file.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::Not;

Plan plan_of(const PlanRequest& request) { return make_plan(request); }

TEST(DesignsPlot, has_a_panel_for_what_is_known) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 10);
  Plan plan = plan_of(request);
  const std::string script = designs_plot_script(plan, {"designs.csv", "designs.svg"});
  EXPECT_THAT(script, HasSubstr("GPU hours"));
  EXPECT_THAT(script, HasSubstr("energy"));
  EXPECT_THAT(script, Not(HasSubstr("least_cost")));  // no price
  for (FrontPoint& point : plan.front) point.least_money = true;
  EXPECT_THAT(designs_plot_script(plan, {"designs.csv", "designs.svg"}), HasSubstr("least_cost"));
}

TEST(DesignsPlot, files_lie_beside_each_other_and_the_choice_is_marked) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 10);
  const Plan plan = plan_of(request);
  test::TempDir dir;
  const FrontFiles files = write_front(plan, dir.path() / "designs.csv");
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "designs.gp"));
  if (!run_program({"gnuplot", "--version"})) GTEST_SKIP() << "gnuplot is not installed";
  ASSERT_EQ(files.not_drawn, std::nullopt);
  ASSERT_EQ(files.written.size(), 3u);
  const std::string image = read_text_file(dir.path() / "designs.svg");
  EXPECT_THAT(image, HasSubstr(">chosen<"));
  EXPECT_THAT(image, HasSubstr(">GPU hours<"));
}

TEST(DesignsPlot, without_a_front_an_earlier_one_does_not_stay) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 10);
  Plan plan = plan_of(request);
  test::TempDir dir;
  write_front(plan, dir.path() / "designs.csv");
  plan.front.clear();
  EXPECT_TRUE(write_front(plan, dir.path() / "designs.csv").written.empty());
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace isoflop
