// SPDX-License-Identifier: MIT
#include "report/loss_curve.hpp"

#include "report/fit/window_means.hpp"
#include "report/run_summary.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace isoflop {
namespace {

constexpr std::size_t kMaxRoundPoints = 6;

LossCurve validation_losses(const TrainingRun& run) {
  LossCurve curve;
  for (const RunFile& segment : run.segments) {
    for (const EvalRecord& eval : segment.evals) {
      const auto tokens = static_cast<double>(eval.tokens);
      const bool ascends = curve.tokens.empty() || curve.tokens.back() < tokens;
      if (eval.set != EvalSet::validation || !eval.loss || !ascends) continue;
      curve.tokens.push_back(tokens);
      curve.loss.push_back(*eval.loss);
    }
  }
  return curve;
}

LossCurve train_losses(const TrainingRun& run) {
  LossCurve curve;
  for (const RunFile& segment : run.segments) {
    for (const StepRecord& step : segment.steps) {
      if (!step.loss) continue;
      curve.tokens.push_back(static_cast<double>(step.tokens));
      curve.loss.push_back(*step.loss);
    }
  }
  return curve;
}

/// The largest count that two curves reach, or the only one does.
double common_reach(std::span<const LossCurve> curves) {
  std::vector<double> reached;
  for (const LossCurve& curve : curves) {
    if (!curve.tokens.empty()) reached.push_back(curve.tokens.back());
  }
  std::sort(reached.begin(), reached.end(), std::greater<>());
  if (reached.empty()) return 0;
  return reached[std::min<std::size_t>(1, reached.size() - 1)];
}

/// The smallest first count of any curve: no point below it has a loss.
double first_count(std::span<const LossCurve> curves) {
  double first = std::numeric_limits<double>::infinity();
  for (const LossCurve& curve : curves) {
    if (!curve.tokens.empty()) first = std::min(first, curve.tokens.front());
  }
  return first;
}

std::optional<double> interpolate(const LossCurve& curve, double tokens) {
  const auto after = std::lower_bound(curve.tokens.begin(), curve.tokens.end(), tokens);
  if (after == curve.tokens.end()) return std::nullopt;
  const auto right = static_cast<std::size_t>(after - curve.tokens.begin());
  if (*after == tokens) return curve.loss[right];
  if (right == 0) return std::nullopt;
  const double share =
      (tokens - curve.tokens[right - 1]) / (curve.tokens[right] - curve.tokens[right - 1]);
  return curve.loss[right - 1] + share * (curve.loss[right] - curve.loss[right - 1]);
}

/// The steps whose mean stands for the loss at `tokens`; absent where the curve does not reach.
std::optional<fit::Window> smoothing_window(const LossCurve& curve, double tokens) {
  if (curve.tokens.empty() || curve.tokens.back() < tokens) return std::nullopt;
  const auto begin = curve.tokens.begin();
  const auto end = std::upper_bound(begin, curve.tokens.end(), tokens);
  const auto first = std::upper_bound(begin, end, tokens * (1 - kSmoothingFraction));
  const auto n_before = static_cast<std::size_t>(end - begin);
  if (n_before == 0) return std::nullopt;
  const auto length = std::max(static_cast<std::size_t>(end - first), kMinSmoothingSteps);
  return fit::Window{n_before - std::min(n_before, length), n_before};
}

std::vector<std::optional<double>> smoothed_at(const LossCurve& curve,
                                               std::span<const int64_t> tokens) {
  std::vector<fit::Window> windows;
  std::vector<std::optional<double>> losses(tokens.size());
  std::vector<std::size_t> positions;
  for (std::size_t point = 0; point < tokens.size(); ++point) {
    const auto window = smoothing_window(curve, static_cast<double>(tokens[point]));
    if (!window) continue;
    windows.push_back(*window);
    positions.push_back(point);
  }
  const std::vector<double> means = fit::window_means(curve.loss, windows);
  for (std::size_t i = 0; i < means.size(); ++i) losses[positions[i]] = means[i];
  return losses;
}

}  // namespace

LossCurve recorded_losses(const TrainingRun& run, LossKind kind) {
  return kind == LossKind::validation ? validation_losses(run) : train_losses(run);
}

LossKind comparable_kind(std::span<const TrainingRun> runs) {
  const bool all_evaluated = std::all_of(runs.begin(), runs.end(), [](const TrainingRun& run) {
    return train_losses(run).loss.empty() || validation_losses(run).loss.size() >= 2;
  });
  return all_evaluated ? LossKind::validation : LossKind::smoothed_train;
}

std::vector<int64_t> token_grid(std::span<const LossCurve> curves) {
  const double limit = common_reach(curves);
  if (limit <= 0) return {};
  std::vector<int64_t> grid;
  for (double power = 1; power <= limit; power *= 10) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      const double tokens = digit * power;
      if (tokens >= first_count(curves) && tokens <= limit)
        grid.push_back(static_cast<int64_t>(tokens));
    }
  }
  if (grid.size() > kMaxRoundPoints)
    grid.erase(grid.begin(), grid.end() - static_cast<std::ptrdiff_t>(kMaxRoundPoints));
  if (grid.empty() || grid.back() < static_cast<int64_t>(limit))
    grid.push_back(static_cast<int64_t>(limit));
  return grid;
}

std::vector<std::optional<double>> losses_at(const LossCurve& curve, LossKind kind,
                                             std::span<const int64_t> tokens) {
  if (kind == LossKind::smoothed_train) return smoothed_at(curve, tokens);
  std::vector<std::optional<double>> losses;
  for (const int64_t count : tokens)
    losses.push_back(interpolate(curve, static_cast<double>(count)));
  return losses;
}

}  // namespace isoflop
