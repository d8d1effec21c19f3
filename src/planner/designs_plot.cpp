// SPDX-License-Identifier: MIT
#include "planner/designs_plot.hpp"

#include "core/base/format.hpp"
#include "core/base/gnuplot.hpp"
#include "core/base/table/render.hpp"
#include "core/base/text_file.hpp"
#include "planner/plan_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {
namespace {

constexpr int kPanelWidth = 430;
constexpr int kHeight = 430;

/// One picture of loss against something that a design consumes.
struct Panel {
  const char* amount;  ///< column of the CSV
  const char* flag;    ///< column that says "yes" for designs on this front
  bool FrontPoint::*is_on;
  std::string label;
  std::optional<double> chosen;
};

/// "GPU hours"; of a cluster of CPUs "rank hours".
std::string hours_label(const Plan& plan) {
  return plan.choice.partition->device.kind == DeviceClass::gpu ? "GPU hours" : "rank hours";
}

std::vector<Panel> panels_of(const Plan& plan) {
  const Candidate& choice = plan.choice;
  std::vector<Panel> panels = {{"device_hours", "least_device_hours", &FrontPoint::least_hours,
                                hours_label(plan), choice.device_hours()},
                               {"cost", "least_cost", &FrontPoint::least_money,
                                "cost [in the currency of the prices]", choice.cost()},
                               {"energy_kwh", "least_energy", &FrontPoint::least_energy,
                                "energy of the devices [kWh]", choice.energy_kwh()}};
  const auto is_on = [&plan](bool FrontPoint::*flag) {
    return std::any_of(plan.front.begin(), plan.front.end(),
                       [flag](const FrontPoint& point) { return point.*flag; });
  };
  if (!is_on(&FrontPoint::least_energy)) panels.erase(panels.begin() + 2);
  if (!is_on(&FrontPoint::least_money)) panels.erase(panels.begin() + 1);
  return panels;
}

/// Those with designs on any front, in the order of plan.front.
std::vector<std::string> partitions_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const FrontPoint& point : plan.front) {
    const std::string& name = point.candidate.partition->name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

bool has_designs(const Plan& plan, const Panel& panel, const std::string& partition) {
  return std::any_of(plan.front.begin(), plan.front.end(), [&](const FrontPoint& point) {
    return point.*panel.is_on && point.candidate.partition->name == partition;
  });
}

/// The same in all panels, with a margin.
std::string loss_range(const Plan& plan) {
  const auto [least, most] = std::minmax_element(
      plan.front.begin(), plan.front.end(), [](const FrontPoint& a, const FrontPoint& b) {
        return *a.candidate.surface_loss < *b.candidate.surface_loss;
      });
  const double low = *least->candidate.surface_loss;
  const double high = *most->candidate.surface_loss;
  const double margin = std::max(0.05 * (high - low), 0.01);
  return fmt::format("set yrange [{:.3f}:{:.3f}]\n", low - margin, high + margin);
}

std::string header(const PlotNames& names, std::size_t n_panel, const std::string& title) {
  return fmt::format(
      "# Pareto fronts of {}; draw again with: gnuplot THIS_FILE\n"
      "set terminal svg size {},{} font 'Helvetica,13' background rgb 'white'\n"
      "set output {}\n"
      "set encoding utf8\n"
      "data = {}\n"
      "set datafile separator comma\n"
      "set datafile missing NaN\n"
      "{}"
      "on(flag, amount) = stringcolumn(flag) eq 'yes' ? column(amount) : NaN\n"
      "of(flag, amount, name) = stringcolumn('partition') eq name ? on(flag, amount) : NaN\n"
      "set logscale x\n"
      "set format x '%.0s%c'\n"
      "set format y '%.2f'\n"
      "set grid xtics ytics linetype 1 linecolor rgb '#dddddd'\n"
      "set border 3\n"
      "set tics nomirror\n"
      "set ylabel 'predicted loss [nats a token]'\n"
      "set key top right noenhanced\n"
      "set multiplot layout 1,{} title {} noenhanced\n",
      names.data, kPanelWidth * n_panel, kHeight, gnuplot_string(names.image),
      gnuplot_string(names.data), gnuplot_linetypes(), n_panel, gnuplot_string(title));
}

/// A step for each design of the front: what a budget in between reaches.
std::string panel_script(const Panel& panel, const Plan& plan, bool with_key) {
  std::string text = fmt::format("set xlabel {}\n", gnuplot_string(panel.label));
  text += fmt::format(
      "plot data using (on('{}', '{}')):(column('loss')) smooth unique with steps "
      "linecolor rgb '#999999' linewidth 1.5 notitle",
      panel.flag, panel.amount);
  int line = 0;
  for (const std::string& name : partitions_of(plan)) {
    const std::string style =
        fmt::format("with points linetype {} pointsize 0.7", line++ % kPlotColours + 1);
    if (has_designs(plan, panel, name))
      text += fmt::format(", \\\n  data using (of('{}', '{}', {})):(column('loss')) {} notitle",
                          panel.flag, panel.amount, gnuplot_string(name), style);
    if (with_key) text += fmt::format(", \\\n  keyentry {} title {}", style, gnuplot_string(name));
  }
  if (panel.chosen)
    text += fmt::format(
        ", \\\n  '+' using ({}):({}) every ::0::0 with points pointtype 6 pointsize 2 linewidth 2 "
        "linecolor rgb 'black' {}",
        *panel.chosen, *plan.choice.surface_loss, with_key ? "title 'chosen'" : "notitle");
  return text + "\n";
}

}  // namespace

std::string designs_plot_script(const Plan& plan, const PlotNames& names) {
  const std::vector<Panel> panels = panels_of(plan);
  const Candidate& choice = plan.choice;
  const std::string title = fmt::format(
      "{}: least predicted loss for what it takes; chosen: {} parameters, {} tokens, {}",
      plan.config.run.name, format_count(choice.n_params), format_count(choice.n_tokens()),
      to_string(choice.layout.layout));
  std::string text = header(names, panels.size(), title) + loss_range(plan);
  bool with_key = true;
  for (const Panel& panel : panels) {
    text += panel_script(panel, plan, with_key);
    with_key = false;
  }
  return text + "unset multiplot\n";
}

FrontFiles write_front(const Plan& plan, const std::filesystem::path& csv) {
  std::filesystem::path script = csv;
  std::filesystem::path image = csv;
  script.replace_extension(".gp");
  image.replace_extension(".svg");
  for (const auto& file : {csv, script, image}) std::filesystem::remove(file);
  if (plan.front.empty()) return {};
  const Table front = front_table(plan.front);
  write_text_file(csv, render_csv(std::span(&front, 1)));
  FrontFiles files{.written = {csv, script}, .not_drawn = {}};
  files.not_drawn = write_plot(
      script, designs_plot_script(plan, {csv.filename().string(), image.filename().string()}));
  if (!files.not_drawn) files.written.push_back(image);
  return files;
}

}  // namespace isoflop
