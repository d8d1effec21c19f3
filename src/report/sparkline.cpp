// SPDX-License-Identifier: MIT
#include "report/sparkline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace isoflop {
namespace {

constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/// Not a number where none is finite.
double finite_mean(std::span<const double> values) {
  double sum = 0;
  int n = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++n;
  }
  return n > 0 ? sum / n : std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> means_of_parts(std::span<const double> values, std::size_t n_parts) {
  std::vector<double> means;
  for (std::size_t part = 0; part < n_parts; ++part) {
    const std::size_t begin = part * values.size() / n_parts;
    const std::size_t end = (part + 1) * values.size() / n_parts;
    means.push_back(finite_mean(values.subspan(begin, end - begin)));
  }
  return means;
}

}  // namespace

std::string sparkline(std::span<const double> values, std::size_t width) {
  const std::vector<double> means = means_of_parts(values, std::min(width, values.size()));
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double mean : means) {
    if (std::isnan(mean)) continue;
    low = std::min(low, mean);
    high = std::max(high, mean);
  }
  std::string text;
  for (const double mean : means) {
    if (std::isnan(mean)) {
      text += ' ';
      continue;
    }
    const double share = high > low ? (mean - low) / (high - low) : 0;
    text += kBlocks.at(std::min(kBlocks.size() - 1,
                                static_cast<std::size_t>(share * double{kBlocks.size()})));
  }
  return text;
}

}  // namespace isoflop
