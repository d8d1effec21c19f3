// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

/// Writes a gnuplot script and runs it in its folder, where it finds the files it names. Returns
/// what kept the picture from being drawn: gnuplot is not on PATH (the script can be run where it
/// is), or failed; absent when all went well. Throws FileError when the script cannot be written.
std::optional<std::string> write_plot(const std::filesystem::path& script_file,
                                      std::string_view script);

/// The terminal and output of a script that draws `image`, a name beside the script that ends in
/// .svg or .png (twice as many dots, for screens of today).
std::string gnuplot_output(const std::filesystem::path& image, int width, int height);

/// As a string of a gnuplot script, which nothing in the text can end or expand.
std::string gnuplot_string(std::string_view text);

/// Colours that colour-blind readers tell apart too (Okabe and Ito 2008), each with a point type of
/// its own, for gnuplot's `set linetype`: lines 1 to kPlotColours.
inline constexpr int kPlotColours = 6;
std::string gnuplot_linetypes();

}  // namespace isoflop
