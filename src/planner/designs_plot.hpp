// SPDX-License-Identifier: MIT
#pragma once

#include "planner/plan.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Names of the files that a script reads and writes, in its own folder.
struct PlotNames {
  std::string data;   ///< front_table as CSV
  std::string image;  ///< SVG
};

/// A gnuplot script that draws the Pareto fronts of predicted loss against device hours and, where
/// they are known, money and energy; the design that was chosen is marked.
std::string designs_plot_script(const Plan& plan, const PlotNames& names);

/// The files of a plan's fronts.
struct FrontFiles {
  std::vector<std::filesystem::path> written;
  std::optional<std::string> not_drawn;  ///< why there is no picture
};

/// Writes the fronts as CSV and beside it, with the endings .gp and .svg, the script that draws
/// them and what it drew where gnuplot is to be had; without a front nothing. A picture of an
/// earlier plan does not stay. Throws FileError.
FrontFiles write_front(const Plan& plan, const std::filesystem::path& csv);

}  // namespace isoflop
