// SPDX-License-Identifier: MIT
#include "core/run/settled_steps.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

std::size_t warm_up_steps(const RunFile& segment) {
  const auto share = static_cast<std::size_t>(
      std::ceil(kWarmUpFraction * static_cast<double>(segment.steps.size())));
  return std::min(segment.steps.size(), std::max(kMinWarmUpSteps, share));
}

std::optional<double> recent_step_s(std::span<const StepRecord> steps, std::size_t most) {
  std::vector<double> times;
  for (auto step = steps.rbegin(); step != steps.rend() && times.size() < most; ++step)
    if (step->step_s) times.push_back(*step->step_s);
  if (times.empty()) return std::nullopt;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

std::vector<double> settled_values(const TrainingRun& run,
                                   std::optional<float> StepRecord::*column) {
  std::vector<double> values;
  for (const RunFile& segment : run.segments) {
    for (std::size_t row = warm_up_steps(segment); row < segment.steps.size(); ++row) {
      if (const auto& value = segment.steps[row].*column) values.push_back(*value);
    }
  }
  return values;
}

}  // namespace isoflop
