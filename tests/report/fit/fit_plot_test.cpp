// SPDX-License-Identifier: MIT
#include "report/fit/fit_plot.hpp"

#include "report/fit/fit_samples.hpp"
#include "report/fit/fitted_law.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <sstream>

namespace isoflop::fit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The rows of a data block of the script, without blank ones.
std::vector<std::vector<double>> rows_of(const std::string& script, const std::string& name) {
  const std::string begin = "$" + name + " << EOD\n";
  const std::size_t first = script.find(begin) + begin.size();
  std::istringstream lines(script.substr(first, script.find("EOD", first) - first));
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::vector<double> row;
    for (double value = 0; fields >> value;) row.push_back(value);
    if (!row.empty()) rows.push_back(row);
  }
  return rows;
}

struct Fitted {
  ScalingData data;
  SurfaceFit surface;
  ScalingLaw law;
};

Fitted fit_of_law() {
  Fitted fitted;
  fitted.data.points = synthetic_points(45, 0, 1);
  fitted.surface = fit_surface(fitted.data.points, {.n_bootstrap = 20});
  fitted.law = fitted_law(fitted.surface, fitted.data, {});
  return fitted;
}

TEST(FitPlot, points_have_their_residuals_and_lines_of_equal_loss_their_loss) {
  Fitted fitted = fit_of_law();
  fitted.surface.residuals[3] = std::log(1.02);
  const std::string script = fit_plot_script(
      {.points = fitted.data.points, .surface = &fitted.surface, .law = &fitted.law}, "a.svg");
  const auto points = rows_of(script, "points");
  ASSERT_EQ(points.size(), 45U);
  EXPECT_NEAR(points[3][3], 2, 1e-4);
  EXPECT_NEAR(points[4][3], 0, 1e-4);
  // The labels' places are the cheapest runs of their loss.
  for (const auto& label : rows_of(script, "labels")) {
    const double n_tokens = label[0] / (6 * label[1]);
    EXPECT_NEAR(loss(fitted.law, label[1], n_tokens), label[2], 0.01);
  }
  const auto frontier = rows_of(script, "frontier");
  EXPECT_LE(frontier[40][2], frontier[40][1]);
  EXPECT_GE(frontier[40][3], frontier[40][1]);
  EXPECT_THAT(script, Not(HasSubstr("$parabolas")));
}

TEST(FitPlot, parabolas_pass_through_the_points_they_were_fitted_to) {
  std::vector<ScalingPoint> points;
  FrontierFit isoflop;
  isoflop.points.push_back({1e18, 1e8, std::nullopt, 3, 3, 0.05});
  for (const double factor : {0.5, 1.0, 2.0})
    points.push_back(
        {"r", 1e8 * factor, 1e18 / 6e8 / factor, 1e18, 3 + 0.05 * std::pow(std::log(factor), 2)});
  const std::string script = fit_plot_script({.points = points, .isoflop = &isoflop}, "it's.svg");
  const auto curve = rows_of(script, "parabolas");
  EXPECT_NEAR(curve.front()[0], 5e7, 1);
  EXPECT_NEAR(curve.front()[1], points[0].loss, 1e-5);
  EXPECT_NEAR(curve.back()[1], points[2].loss, 1e-5);
  EXPECT_EQ(rows_of(script, "budget_points").size(), 3U);
  EXPECT_THAT(script, HasSubstr("set output 'it''s.svg'"));
  EXPECT_THAT(script, Not(HasSubstr("$levels")));
}

}  // namespace
}  // namespace isoflop::fit
