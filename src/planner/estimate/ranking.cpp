// SPDX-License-Identifier: MIT
#include "planner/estimate/ranking.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace isoflop {
namespace {

/// Mean rank of each value: half of those below and not above it.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double value : values) {
    const auto below = std::count_if(values.begin(), values.end(),
                                     [value](double other) { return other < value; });
    const auto equal = std::count(values.begin(), values.end(), value);
    result.push_back(static_cast<double>(below) + (static_cast<double>(equal) + 1) / 2);
  }
  return result;
}

}  // namespace

std::optional<double> rank_correlation(std::span<const Score> scores) {
  std::vector<double> predicted;
  std::vector<double> measured;
  for (const Score& score : scores) {
    predicted.push_back(score.predicted);
    measured.push_back(score.measured);
  }
  predicted = ranks(predicted);
  measured = ranks(measured);
  const double mean = (static_cast<double>(scores.size()) + 1) / 2;
  double both = 0;
  double of_predicted = 0;
  double of_measured = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    both += (predicted[i] - mean) * (measured[i] - mean);
    of_predicted += (predicted[i] - mean) * (predicted[i] - mean);
    of_measured += (measured[i] - mean) * (measured[i] - mean);
  }
  if (of_predicted == 0 || of_measured == 0) return std::nullopt;
  return both / std::sqrt(of_predicted * of_measured);
}

double regret(std::span<const Score> scores) {
  const auto chosen =
      std::max_element(scores.begin(), scores.end(),
                       [](const Score& a, const Score& b) { return a.predicted < b.predicted; });
  const auto best =
      std::max_element(scores.begin(), scores.end(),
                       [](const Score& a, const Score& b) { return a.measured < b.measured; });
  return 1 - chosen->measured / best->measured;
}

}  // namespace isoflop
