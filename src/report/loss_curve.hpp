// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

enum class LossKind { validation, smoothed_train };

/// What losses are compared at equal amounts of: tokens, FLOPs of the model, or seconds of wall
/// time of all starts so far, lost work included.
enum class LossBudget { tokens, flops, wall };

/// A curve of training losses has at most so many points.
inline constexpr std::size_t kMaxLossPoints = 2048;

/// A run's loss against what it had spent, ascending.
struct LossCurve {
  std::vector<double> spent;
  std::vector<double> loss;
  std::size_t steps_per_point = 1;  ///< whose mean a point is; the last one's may be fewer
};

/// What was recorded: evaluations on validation data, or the training loss of every step, means of
/// equally many steps where there are more than kMaxLossPoints. Empty for a budget that the run did
/// not record.
LossCurve recorded_losses(const TrainingRun& run, LossKind kind,
                          LossBudget budget = LossBudget::tokens);

/// Validation loss when every run with losses was evaluated at least twice, else training loss.
LossKind comparable_kind(std::span<const TrainingRun> runs);

/// Round budgets (1, 2, 5 times a power of ten, from 1 on), at most six, up to what two of the runs
/// spent (the only one, when there is one), and that amount itself.
std::vector<double> budget_grid(std::span<const LossCurve> curves);

/// The loss at each budget; absent where the curve does not reach. Validation losses are
/// interpolated linearly between evaluations; training losses are the mean of the steps of the last
/// 2 % of the budget before, at least 10 steps. Kokkos must be initialized.
std::vector<std::optional<double>> losses_at(const LossCurve& curve, LossKind kind,
                                             std::span<const double> budgets);

}  // namespace isoflop
