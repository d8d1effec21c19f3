// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace isoflop {

/// Steps at each start that no mean or median of speed counts: this share of those recorded, but at
/// least so many. Caches, clocks and allocators settle.
inline constexpr std::size_t kMinWarmUpSteps = 2;
inline constexpr double kWarmUpFraction = 0.05;

/// How many of one start's steps are warm-up.
std::size_t warm_up_steps(const RunFile& segment);

/// The pace of a run that is under way: median time of its last `most` steps that were timed
/// (of an even number the upper one of the middle). Absent before one was.
std::optional<double> recent_step_s(const StepRows& steps, std::size_t most);

/// Visits the steps after the warm-up of each start, with the tokens of each.
void for_each_settled(const TrainingRun& run,
                      const std::function<void(const StepRecord& step, int64_t tokens)>& visit);

/// The present values of one column after the warm-up of each start.
std::vector<double> settled_values(const TrainingRun& run,
                                   std::optional<float> StepRecord::*column);

}  // namespace isoflop
