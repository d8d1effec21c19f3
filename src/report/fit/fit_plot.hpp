// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/frontier.hpp"
#include "report/fit/parametric_fit.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace isoflop::fit {

/// What there is to draw; each part has a panel.
struct FitPicture {
  std::span<const ScalingPoint> points;
  const FrontierFit* isoflop = nullptr;  ///< parabolas through budgets
  const SurfaceFit* surface = nullptr;   ///< with `law`: lines of equal loss, frontier, residuals
  const ScalingLaw* law = nullptr;
};

/// A gnuplot script that holds its data and draws `image` (.svg, a name in its own folder).
std::string fit_plot_script(const FitPicture& picture, const std::string& image);

/// Writes the script beside the image, with the extension .gp, and draws it. Throws FileError when
/// gnuplot is missing or fails; ConfigError when there is nothing to draw.
void draw_fit(const FitPicture& picture, const std::filesystem::path& image);

}  // namespace isoflop::fit
