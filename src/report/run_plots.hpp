// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "core/run/run_set.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// A gnuplot script without its terminal and output, data inside.
struct RunPlot {
  std::string name;  ///< of its files
  std::string title;
  std::string script;
};

/// Curves have at most so many points, each the mean of as many consecutive steps.
inline constexpr std::size_t kMaxCurvePoints = 400;
/// Plots show at most so many runs, the first; their titles say so.
inline constexpr std::size_t kMaxPlottedRuns = 24;

/// Loss curves, MFU over time, phases of a step, predicted against measured (of that table): those
/// that the runs recorded.
std::vector<RunPlot> run_plots(std::span<const TrainingRun> runs, const Table& predictions);

/// Drawn as SVG elements by gnuplot; for one that could not be drawn, a paragraph that says why.
std::vector<std::string> draw_svg(std::span<const RunPlot> plots);

/// Writes NAME.svg and NAME.png of each into the folder, which is made where it is missing, and the
/// script that drew them. Throws FileError.
void write_plots(std::span<const RunPlot> plots, const std::filesystem::path& folder);

}  // namespace isoflop
