// SPDX-License-Identifier: MIT
#include "core/base/gnuplot.hpp"

#include "core/base/program_output.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>

#include <array>

namespace isoflop {
namespace {

struct Colour {
  const char* rgb;
  int point_type;  ///< filled circle, square, triangles, diamond, pentagon
};
constexpr std::array<Colour, kPlotColours> kColours = {{{"#0072B2", 7},
                                                        {"#D55E00", 5},
                                                        {"#009E73", 9},
                                                        {"#CC79A7", 11},
                                                        {"#E69F00", 13},
                                                        {"#56B4E9", 15}}};

/// The last line that says something: gnuplot points at the place first.
std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \n");
  if (end == std::string::npos) return "no message";
  const std::size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1, end - begin);
}

}  // namespace

std::string gnuplot_output(const std::filesystem::path& image, int width, int height) {
  const std::string terminal =
      image.extension() == ".png"
          ? fmt::format("pngcairo size {},{} fontscale 1.4 linewidth 2 pointscale 2", 2 * width,
                        2 * height)
          : fmt::format("svg size {},{}", width, height);
  return fmt::format("set terminal {} font 'Helvetica,13' background rgb 'white'\nset output {}\n",
                     terminal, gnuplot_string(image.string()));
}

std::string gnuplot_string(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c == '\n' ? ' ' : c;
  }
  return quoted + "'";
}

std::string gnuplot_linetypes() {
  std::string text;
  int line = 0;
  for (const Colour& colour : kColours)
    text += fmt::format("set linetype {} linecolor rgb '{}' pointtype {}\n", ++line, colour.rgb,
                        colour.point_type);
  return text;
}

std::optional<std::string> write_plot(const std::filesystem::path& script_file,
                                      std::string_view script) {
  write_text_file(script_file, script);
  const std::filesystem::path folder = std::filesystem::absolute(script_file).parent_path();
  const std::optional<ProgramOutput> output = run_program(
      {"gnuplot", "-e", "cd " + gnuplot_string(folder.string()), script_file.filename().string()});
  if (!output)
    return fmt::format("gnuplot is not on PATH; where it is, 'gnuplot {}' draws it",
                       script_file.filename().string());
  if (output->exit_code == 0) return std::nullopt;
  return fmt::format("gnuplot ended with exit code {} ({})", output->exit_code,
                     last_line(output->error));
}

}  // namespace isoflop
