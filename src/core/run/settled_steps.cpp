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

std::optional<double> recent_step_s(const StepRows& steps, std::size_t most) {
  std::vector<double> times;
  for (std::size_t row = steps.size(); row > 0 && times.size() < most; --row)
    if (const auto seconds = steps[row - 1].step_s) times.push_back(*seconds);
  if (times.empty()) return std::nullopt;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

void for_each_settled(const TrainingRun& run,
                      const std::function<void(const StepRecord& step, int64_t tokens)>& visit) {
  for (const RunFile& segment : run.segments) {
    std::size_t n_warm_up = warm_up_steps(segment);
    int64_t tokens_before = 0;
    for (const StepRecord& step : segment.steps) {
      if (n_warm_up == 0)
        visit(step, step.tokens - tokens_before);
      else
        --n_warm_up;
      tokens_before = step.tokens;
    }
  }
}

std::vector<double> settled_values(const TrainingRun& run,
                                   std::optional<float> StepRecord::*column) {
  std::vector<double> values;
  for_each_settled(run, [&](const StepRecord& step, int64_t) {
    if (const auto& value = step.*column) values.push_back(*value);
  });
  return values;
}

}  // namespace isoflop
