// SPDX-License-Identifier: MIT
#include "report/fit/fit_plot.hpp"

#include "core/base/error.hpp"
#include "core/base/gnuplot.hpp"
#include "core/scaling/inverse.hpp"
#include "core/scaling/optimum.hpp"
#include "report/fit/fitted_law.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop::fit {
namespace {

constexpr int kPanelWidth = 560;
constexpr int kHeight = 460;
constexpr int kCurvePoints = 80;
constexpr int kLossLevels = 8;

/// Values even in their logarithms, from low to high.
std::vector<double> log_spaced(double low, double high, int n) {
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(low * std::pow(high / low, i / (n - 1.0)));
  return values;
}

std::string block(const std::string& name, const std::string& rows) {
  return fmt::format("${} << EOD\n{}EOD\n", name, rows);
}

/// C N loss residual[%] of each point.
std::string points_block(const FitPicture& picture) {
  std::string rows;
  for (std::size_t i = 0; i < picture.points.size(); ++i) {
    const ScalingPoint& point = picture.points[i];
    rows += fmt::format("{:.6e} {:.6e} {:.6f} {:.5f}\n", point.compute_flops, point.n_params,
                        point.loss,
                        picture.surface ? 100 * std::expm1(picture.surface->residuals[i]) : 0.0);
  }
  return block("points", rows);
}

bool is_of_budget(const ScalingPoint& point, const FrontierPoint& budget) {
  return same_budget(std::min(point.compute_flops, budget.compute_flops),
                     std::max(point.compute_flops, budget.compute_flops));
}

/// N loss C along each parabola over its sizes, blank lines in between; the same of its points.
std::string parabolas_block(const FitPicture& picture) {
  std::string curves;
  std::string points;
  std::string minima;
  for (const FrontierPoint& budget : picture.isoflop->points) {
    double low = budget.n_params;
    double high = budget.n_params;
    for (const ScalingPoint& point : picture.points) {
      if (!is_of_budget(point, budget)) continue;
      low = std::min(low, point.n_params);
      high = std::max(high, point.n_params);
      points +=
          fmt::format("{:.6e} {:.6f} {:.6e}\n", point.n_params, point.loss, budget.compute_flops);
    }
    for (const double n_params : log_spaced(low, high, kCurvePoints)) {
      const double distance = std::log(n_params / budget.n_params);
      curves +=
          fmt::format("{:.6e} {:.6f} {:.6e}\n", n_params,
                      budget.loss + budget.curvature * distance * distance, budget.compute_flops);
    }
    curves += "\n";
    minima += fmt::format("{:.6e} {:.6f}\n", budget.n_params, budget.loss);
  }
  return block("parabolas", curves) + block("budget_points", points) + block("minima", minima);
}

/// Lines of equal loss, C N each, between the least and the largest loss of the points.
std::string levels_block(const FitPicture& picture) {
  const auto [least, most] =
      std::minmax_element(picture.points.begin(), picture.points.end(),
                          [](const auto& a, const auto& b) { return a.loss < b.loss; });
  std::string rows;
  std::string labels;
  for (const double level : log_spaced(least->loss, most->loss, kLossLevels)) {
    const std::optional<RunSize> best = run_for_loss(*picture.law, level);
    if (!best) continue;
    for (const double n_params :
         log_spaced(best->n_params / 30, best->n_params * 30, kCurvePoints)) {
      const std::optional<double> n_tokens = tokens_for_loss(*picture.law, n_params, level);
      if (n_tokens) rows += fmt::format("{:.6e} {:.6e}\n", 6 * n_params * *n_tokens, n_params);
    }
    rows += "\n";
    labels += fmt::format("{:.6e} {:.6e} {:.3g}\n", best->compute_flops(), best->n_params, level);
  }
  return block("levels", rows) + block("labels", labels);
}

/// C N low high of the best N.
std::string frontier_block(const FitPicture& picture) {
  const Range& compute = picture.law->usable_compute_flops;
  const std::vector<double> budgets = log_spaced(compute.low, compute.high, kCurvePoints);
  const auto intervals = optimal_params_95(*picture.surface, budgets);
  std::string rows;
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const double best = optimum(*picture.law, budgets[i]).n_params;
    const Range interval =
        intervals.size() == budgets.size() ? intervals[i].interval : Range{best, best};
    rows +=
        fmt::format("{:.6e} {:.6e} {:.6e} {:.6e}\n", budgets[i], best, interval.low, interval.high);
  }
  return block("frontier", rows);
}

std::string isoflop_panel() {
  return "set title 'IsoFLOP parabolas'\nset key top right noenhanced\n"
         "set logscale x\nunset logscale y\nset logscale cb\n"
         "set format x '%.0s%c'\nset format y '%.2f'\nset format cb '10^{%T}'\n"
         "set xlabel 'parameters N'\nset ylabel 'loss [nats a token]'\nset cblabel 'C [FLOPs]'\n"
         "plot $parabolas using 1:2:3 with lines linecolor palette notitle, \\\n"
         "  $budget_points using 1:2:3 with points pointtype 7 pointsize 0.6 linecolor palette "
         "notitle, \\\n"
         "  $minima using 1:2 with linespoints pointtype 2 pointsize 1 dashtype 2 linecolor rgb "
         "'black' title 'minima'\n";
}

std::string surface_panel(const FitPicture& picture) {
  const Range& compute = picture.law->usable_compute_flops;
  const Range& params = picture.law->fitted_params;
  return fmt::format(
      "set title {} noenhanced\nset key top left noenhanced\n"
      "set logscale xy\nunset logscale cb\nset format x '10^{{%T}}'\nset format y '%.0s%c'\n"
      "set format cb '%.1f'\nset xlabel 'C [FLOPs]'\nset ylabel 'parameters N'\n"
      "set cblabel 'loss [nats a token]'\n"
      "set xrange [{:e}:{:e}]\nset yrange [{:e}:{:e}]\n"
      "plot $frontier using 1:3:4 with filledcurves fillcolor rgb '#D55E00' fillstyle transparent "
      "solid 0.2 noborder title '95 % of the best N', \\\n"
      "  $levels using 1:2 with lines linecolor rgb '#999999' title 'equal loss', \\\n"
      "  $labels using 1:2:3 with labels font ',10' offset 0,-0.8 notitle, \\\n"
      "  $frontier using 1:2 with lines linewidth 2 linecolor rgb '#D55E00' title 'best N', \\\n"
      "  $points using 1:2:3 with points pointtype 7 pointsize 0.6 linecolor palette title 'runs'\n"
      "set autoscale xy\n",
      gnuplot_string(form_equation(picture.surface->form)), compute.low, compute.high,
      params.low / 3, params.high * 10);
}

std::string residuals_panel() {
  return "set title 'Residuals'\n"
         "set logscale x\nunset logscale y\nset logscale cb\nset format x '10^{%T}'\n"
         "set format y '%.1f'\nset format cb '%.0s%c'\nset xlabel 'C [FLOPs]'\n"
         "set ylabel 'measured over fitted loss, minus one [%]'\nset cblabel 'parameters N'\n"
         "plot 0 linecolor rgb 'black' notitle, \\\n"
         "  $points using 1:4:2 with points pointtype 7 pointsize 0.6 linecolor palette notitle\n";
}

}  // namespace

std::string fit_plot_script(const FitPicture& picture, const std::string& image) {
  std::string data = points_block(picture);
  std::string panels;
  int n_panel = 0;
  if (picture.isoflop) {
    data += parabolas_block(picture);
    panels += isoflop_panel();
    ++n_panel;
  }
  if (picture.surface && picture.law) {
    data += levels_block(picture) + frontier_block(picture);
    panels += surface_panel(picture) + residuals_panel();
    n_panel += 2;
  }
  return fmt::format(
      "# Scaling-law fit; draw again with: gnuplot THIS_FILE\n"
      "{}set encoding utf8\n{}"
      "set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', 4 '#fde725')\n"
      "set grid xtics ytics linetype 1 linecolor rgb '#dddddd'\nset border 3\nset tics nomirror\n"
      "set multiplot layout 1,{}\n{}unset multiplot\n",
      gnuplot_output(image, kPanelWidth * std::max(1, n_panel), kHeight), data,
      std::max(1, n_panel), panels);
}

void draw_fit(const FitPicture& picture, const std::filesystem::path& image) {
  if (!picture.isoflop && !picture.surface)
    throw ConfigError(
        fmt::format("--plot is '{}' (no law and no IsoFLOP budgets to draw); use approach 3 or 2",
                    image.string()));
  std::filesystem::path script = image;
  script.replace_extension(".gp");
  std::filesystem::remove(image);
  const auto problem = write_plot(script, fit_plot_script(picture, image.filename().string()));
  if (problem) throw FileError(fmt::format("{}: not drawn: {}", image.string(), *problem));
}

}  // namespace isoflop::fit
