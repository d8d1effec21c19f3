// SPDX-License-Identifier: MIT
#include "planner/pilot/published_spread.hpp"

#include <cmath>
#include <map>
#include <string>

namespace isoflop {
namespace {

/// Of the squares of one source.
struct Mean {
  double sum = 0;
  int count = 0;
};

}  // namespace

double step_time_spread(std::span<const EstimatedRow> rows) {
  std::map<std::string, Mean> sources;
  for (const EstimatedRow& row : rows) {
    if (!row.has_full_layout || !row.estimate || !row.measured_step_s) continue;
    Mean& mean = sources[row.source];
    mean.sum += std::pow(std::log(row.estimate->step.total() / *row.measured_step_s), 2);
    ++mean.count;
  }
  if (sources.empty()) return 0;
  double sum = 0;
  for (const auto& [source, mean] : sources) sum += mean.sum / mean.count;
  return std::sqrt(sum / static_cast<double>(sources.size()));
}

}  // namespace isoflop
