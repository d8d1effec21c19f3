// SPDX-License-Identifier: MIT
#include "trainer/telemetry/slow_rank_watch.hpp"

#include <algorithm>

namespace isoflop {
namespace {

constexpr double kSlow = 1.5;
constexpr int kSamples = 3;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

std::vector<SlowRank> SlowRankWatch::add(std::span<const double> rank_times) {
  std::vector<double> own;
  for (std::size_t rank = 0; rank < n_in_a_row_.size(); ++rank)
    own.push_back(rank_times[2 * rank] - rank_times[2 * rank + 1]);
  const double middle = median(own);
  std::vector<SlowRank> found;
  for (std::size_t rank = 0; rank < own.size(); ++rank) {
    int& n_in_a_row = n_in_a_row_[rank];
    n_in_a_row = own[rank] > kSlow * middle ? n_in_a_row + 1 : 0;
    if (n_in_a_row == kSamples) found.push_back({rank, own[rank], middle});
  }
  return found;
}

}  // namespace isoflop
