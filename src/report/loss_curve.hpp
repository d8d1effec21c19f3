// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_set.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

enum class LossKind { validation, smoothed_train };

/// A run's loss against the tokens it had trained on, ascending.
struct LossCurve {
  std::vector<double> tokens;
  std::vector<double> loss;
};

/// What was recorded: evaluations on validation data, or the training loss of every step.
LossCurve recorded_losses(const TrainingRun& run, LossKind kind);

/// Validation loss when every run with losses was evaluated at least twice, else training loss.
LossKind comparable_kind(std::span<const TrainingRun> runs);

/// Round token counts (1, 2, 5 times a power of ten), at most six, up to what two of the runs
/// reached (the only one, when there is one), and that count itself.
std::vector<int64_t> token_grid(std::span<const LossCurve> curves);

/// The loss at each token count; absent where the curve does not reach. Validation losses are
/// interpolated linearly between evaluations; training losses are the mean of the steps of the last
/// 2 % of the tokens before, at least 10 steps. Kokkos must be initialized.
std::vector<std::optional<double>> losses_at(const LossCurve& curve, LossKind kind,
                                             std::span<const int64_t> tokens);

}  // namespace isoflop
