// SPDX-License-Identifier: MIT
#include "report/run_plots.hpp"

#include "core/base/error.hpp"
#include "core/base/gnuplot.hpp"
#include "core/base/text_file.hpp"
#include "report/html_page.hpp"
#include "report/mfu_diagnosis.hpp"
#include "report/run_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

struct Point {
  double x;
  double y;
};

using PointOf = std::optional<Point> (*)(const StepRecord& step, double began);

template <typename Visit>
void for_each_point(const TrainingRun& run, PointOf point_of, Visit visit) {
  std::optional<double> began;
  for (const RunFile& segment : run.segments) {
    for (const StepRecord& step : segment.steps) {
      if (!began) began = step.time - step.step_s.value_or(0);
      if (const auto point = point_of(step, *began)) visit(*point);
    }
  }
}

/// Means of as many consecutive points as leave kMaxCurvePoints.
std::vector<Point> curve_of(const TrainingRun& run, PointOf point_of) {
  std::size_t n_point = 0;
  for_each_point(run, point_of, [&](const Point&) { ++n_point; });
  const std::size_t length = (n_point + kMaxCurvePoints - 1) / kMaxCurvePoints;
  std::vector<Point> means;
  std::size_t n_merged = length;  // into the last mean
  for_each_point(run, point_of, [&](const Point& point) {
    if (n_merged == length) {
      means.push_back({point.x, 0});
      n_merged = 0;
    }
    ++n_merged;
    means.back().x = point.x;
    means.back().y += (point.y - means.back().y) / static_cast<double>(n_merged);
  });
  return means;
}

std::string of_all(std::size_t n_run) {
  return n_run > kMaxPlottedRuns ? fmt::format(" (the first {} of {} runs)", kMaxPlottedRuns, n_run)
                                 : "";
}

/// One line a run; absent when none has a point.
std::optional<RunPlot> line_plot(std::span<const TrainingRun> runs, const std::string& name,
                                 const std::string& title, const std::string& axes,
                                 PointOf point_of) {
  std::string data;
  std::string lines;
  std::size_t n_drawn = 0;
  for (const TrainingRun& run : runs.first(std::min(runs.size(), kMaxPlottedRuns))) {
    const std::vector<Point> points = curve_of(run, point_of);
    if (points.empty()) continue;
    const std::size_t index = n_drawn++;
    data += fmt::format("$run{} << EOD\n", index);
    for (const Point& point : points) data += fmt::format("{} {}\n", point.x, point.y);
    data += "EOD\n";
    lines += fmt::format("{}$run{} using 1:2 with lines linewidth 1.5 title {}",
                         lines.empty() ? "plot " : ", ", index, gnuplot_string(marked_name(run)));
  }
  if (lines.empty()) return std::nullopt;
  return RunPlot{name, title + of_all(runs.size()), data + axes + lines + "\n"};
}

std::optional<Point> loss_point(const StepRecord& step, double /*began*/) {
  if (!step.loss) return std::nullopt;
  return Point{static_cast<double>(step.tokens), double{*step.loss}};
}

std::optional<Point> mfu_point(const StepRecord& step, double began) {
  if (!step.mfu) return std::nullopt;
  return Point{(step.time - began) / 3600, *step.mfu * 100.0};
}

/// A bar a run: shares of step time, stacked.
std::optional<RunPlot> phase_plot(std::span<const TrainingRun> runs) {
  std::string data = "$phases << EOD\n";
  bool has_phases = false;
  for (const TrainingRun& run : runs.first(std::min(runs.size(), kMaxPlottedRuns))) {
    const StepPhases phases = step_phases(run);
    if (!phases.forward || !phases.backward) continue;
    has_phases = true;
    std::string name = marked_name(run);
    std::replace(name.begin(), name.end(), '"', '\'');
    const double rest = 1 - phases.data.value_or(0) - *phases.forward - *phases.backward -
                        phases.optimizer.value_or(0);
    data += fmt::format("\"{}\" {} {} {} {} {}\n", name, phases.data.value_or(0) * 100,
                        *phases.forward * 100, *phases.backward * 100,
                        phases.optimizer.value_or(0) * 100, std::max(0.0, rest) * 100);
  }
  if (!has_phases) return std::nullopt;
  return RunPlot{"phases", "Step time by phase" + of_all(runs.size()),
                 data + R"(EOD
set ylabel 'share of step time [%]'
set yrange [0:100]
set xtics rotate by -35 noenhanced
set style data histograms
set style histogram rowstacked
set style fill solid 0.85
set boxwidth 0.7
plot $phases using 2:xtic(1) title 'data', '' using 3 title 'forward', '' using 4 title 'backward', )"
                        "'' using 5 title 'optimizer', '' using 6 title 'other'\n"};
}

std::optional<RunPlot> prediction_plot(const Table& predictions) {
  std::string data = "$differences << EOD\n";
  for (const std::vector<Cell>& row : predictions.rows) {
    std::string label = std::get<std::string>(row[0]) + ": " + std::get<std::string>(row[1]);
    std::replace(label.begin(), label.end(), '"', '\'');
    data += fmt::format("\"{}\" {}\n", label, std::get<double>(row[5]));
  }
  if (predictions.rows.empty()) return std::nullopt;
  return RunPlot{"predictions", "Predicted against measured", data + R"(EOD
set ylabel 'measured over predicted, less one [%]'
set xtics rotate by -35 noenhanced
set xzeroaxis
set style fill solid 0.85
set boxwidth 0.6
plot $differences using 0:2:xtic(1) with boxes notitle
)"};
}

/// A folder that goes with the object.
class PlotFolder {
 public:
  PlotFolder() {
    std::string name = (fs::temp_directory_path() / "isoflop_plots_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw FileError(name + ": cannot be created; set TMPDIR to a folder that can be written");
    path_ = name;
  }
  ~PlotFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  PlotFolder(const PlotFolder&) = delete;
  PlotFolder& operator=(const PlotFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string drawing(const RunPlot& plot) {
  return "set key noenhanced outside right\nset grid\n" + gnuplot_linetypes() + plot.script;
}

std::string drawn(const RunPlot& plot, const fs::path& folder) {
  const std::string script =
      "set terminal svg size 860,420 dynamic font 'sans-serif,12'\n"
      "set output 'plot.svg'\n" +
      drawing(plot);
  if (const auto problem = write_plot(folder / "plot.gp", script))
    return "<p>not drawn: " + html_text(*problem) + "</p>";
  const std::string svg = read_text_file(folder / "plot.svg");
  const std::size_t begin = svg.find("<svg");
  return begin == std::string::npos ? "<p>not drawn: gnuplot wrote no picture</p>"
                                    : svg.substr(begin);
}

}  // namespace

std::vector<RunPlot> run_plots(std::span<const TrainingRun> runs, const Table& predictions) {
  std::vector<RunPlot> plots;
  for (std::optional<RunPlot> plot :
       {line_plot(runs, "loss", "Training loss",
                  "set xlabel 'tokens'\nset ylabel 'loss [nats per token]'\n"
                  "set format x '%.1s %c'\n",
                  loss_point),
        line_plot(runs, "mfu", "MFU over time",
                  "set xlabel 'hours since the first step'\nset ylabel 'MFU [%]'\n"
                  "set yrange [0:*]\n",
                  mfu_point),
        phase_plot(runs), prediction_plot(predictions)}) {
    if (plot) plots.push_back(std::move(*plot));
  }
  return plots;
}

std::vector<std::string> draw_svg(std::span<const RunPlot> plots) {
  const PlotFolder folder;
  std::vector<std::string> pictures;
  for (const RunPlot& plot : plots) pictures.push_back(drawn(plot, folder.path()));
  return pictures;
}

void write_plots(std::span<const RunPlot> plots, const fs::path& folder) {
  constexpr int kWidth = 860;
  constexpr int kHeight = 420;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw FileError(fmt::format("{}: cannot be made ({}); name another folder", folder.string(),
                                error.message()));
  for (const RunPlot& plot : plots) {
    const std::string script = gnuplot_output(plot.name + ".svg", kWidth, kHeight) + drawing(plot) +
                               gnuplot_output(plot.name + ".png", kWidth, kHeight) + "replot\n";
    if (const auto problem = write_plot(folder / (plot.name + ".gp"), script))
      throw FileError(fmt::format("{}: {} not drawn: {}", folder.string(), plot.name, *problem));
  }
}

}  // namespace isoflop
