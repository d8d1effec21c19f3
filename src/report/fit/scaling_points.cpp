// SPDX-License-Identifier: MIT
#include "report/fit/scaling_data.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace isoflop::fit {

void sort_points(std::vector<ScalingPoint>& points) {
  std::sort(points.begin(), points.end(), [](const ScalingPoint& a, const ScalingPoint& b) {
    return std::tie(a.n_params, a.n_tokens, a.loss, a.run) <
           std::tie(b.n_params, b.n_tokens, b.loss, b.run);
  });
}

std::vector<ScalingPoint> by_compute(std::span<const ScalingPoint> points) {
  std::vector<ScalingPoint> sorted(points.begin(), points.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.compute_flops < b.compute_flops; });
  return sorted;
}

bool same_budget(double smaller_flops, double larger_flops) {
  return larger_flops <= 1.1 * smaller_flops;
}

std::vector<std::size_t> run_numbers(std::span<const ScalingPoint> points) {
  std::map<std::string, std::size_t> known;
  std::vector<std::size_t> numbers;
  for (const ScalingPoint& point : points)
    numbers.push_back(known.try_emplace(point.run, known.size()).first->second);
  return numbers;
}

}  // namespace isoflop::fit
