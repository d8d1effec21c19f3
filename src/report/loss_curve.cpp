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

/// The first thing recorded of a start, Unix seconds.
double began(const RunFile& segment) {
  double first = std::numeric_limits<double>::infinity();
  for (const RunEvent& event : segment.events) first = std::min(first, event.time);
  for (const EvalRecord& eval : segment.evals)
    first = std::min(first, eval.time - eval.seconds.value_or(0));
  if (!segment.steps.empty())
    first = std::min(first, segment.steps.front().time - segment.steps.front().step_s.value_or(0));
  return first;
}

/// What a start's records had spent.
struct Spending {
  LossBudget budget = LossBudget::tokens;
  double flops_per_token = 0;
  double seconds_before = 0;  ///< of earlier starts
  double began = 0;

  double at(double tokens, double time) const {
    if (budget == LossBudget::tokens) return tokens;
    return budget == LossBudget::flops ? tokens * flops_per_token : seconds_before + time - began;
  }
};

/// Calls visit(segment, spending) for each start.
template <typename Visit>
void for_each_start(const TrainingRun& run, LossBudget budget, Visit visit) {
  Spending spending{.budget = budget,
                    .flops_per_token = run.last().header.flops.model_flops_per_token};
  for (std::size_t s = 0; s < run.segments.size(); ++s) {
    spending.began = began(run.segments[s]);
    visit(run.segments[s], spending);
    if (s < run.start_wall_s.size()) spending.seconds_before += run.start_wall_s[s];
  }
}

LossCurve validation_losses(const TrainingRun& run, LossBudget budget) {
  LossCurve curve;
  for_each_start(run, budget, [&](const RunFile& segment, const Spending& spending) {
    for (const EvalRecord& eval : segment.evals) {
      const double spent = spending.at(static_cast<double>(eval.tokens), eval.time);
      const bool ascends = curve.spent.empty() || curve.spent.back() < spent;
      if (eval.set != EvalSet::validation || !eval.loss || !ascends) continue;
      curve.spent.push_back(spent);
      curve.loss.push_back(*eval.loss);
    }
  });
  return curve;
}

std::size_t count_losses(const TrainingRun& run) {
  std::size_t count = 0;
  for (const RunFile& segment : run.segments)
    for (const StepRecord& step : segment.steps) count += step.loss ? 1 : 0;
  return count;
}

LossCurve train_losses(const TrainingRun& run, LossBudget budget) {
  LossCurve curve;
  curve.steps_per_point =
      std::max<std::size_t>(1, (count_losses(run) + kMaxLossPoints - 1) / kMaxLossPoints);
  double total = 0;
  std::size_t n_step = 0;  // of the point that is being made
  for_each_start(run, budget, [&](const RunFile& segment, const Spending& spending) {
    for (const StepRecord& step : segment.steps) {
      if (!step.loss) continue;
      const double spent = spending.at(static_cast<double>(step.tokens), step.time);
      if (n_step == 0) {
        curve.spent.push_back(spent);
        curve.loss.push_back(0);
      }
      total += *step.loss;
      ++n_step;
      curve.spent.back() = spent;
      curve.loss.back() = total / static_cast<double>(n_step);
      if (n_step < curve.steps_per_point) continue;
      total = 0;
      n_step = 0;
    }
  });
  return curve;
}

bool has_train_losses(const TrainingRun& run) {
  for (const RunFile& segment : run.segments)
    for (const StepRecord& step : segment.steps)
      if (step.loss) return true;
  return false;
}

/// The largest count that two curves reach, or the only one does.
double common_reach(std::span<const LossCurve> curves) {
  std::vector<double> reached;
  for (const LossCurve& curve : curves) {
    if (!curve.spent.empty()) reached.push_back(curve.spent.back());
  }
  std::sort(reached.begin(), reached.end(), std::greater<>());
  if (reached.empty()) return 0;
  return reached[std::min<std::size_t>(1, reached.size() - 1)];
}

/// The smallest first count of any curve: no point below it has a loss.
double first_count(std::span<const LossCurve> curves) {
  double first = std::numeric_limits<double>::infinity();
  for (const LossCurve& curve : curves) {
    if (!curve.spent.empty()) first = std::min(first, curve.spent.front());
  }
  return first;
}

std::optional<double> interpolate(const LossCurve& curve, double budget) {
  const auto after = std::lower_bound(curve.spent.begin(), curve.spent.end(), budget);
  if (after == curve.spent.end()) return std::nullopt;
  const auto right = static_cast<std::size_t>(after - curve.spent.begin());
  if (*after == budget) return curve.loss[right];
  if (right == 0) return std::nullopt;
  const double share =
      (budget - curve.spent[right - 1]) / (curve.spent[right] - curve.spent[right - 1]);
  return curve.loss[right - 1] + share * (curve.loss[right] - curve.loss[right - 1]);
}

/// The points whose mean stands for the loss at `budget`; absent where the curve does not reach.
std::optional<fit::Window> smoothing_window(const LossCurve& curve, double budget) {
  if (curve.spent.empty() || curve.spent.back() < budget) return std::nullopt;
  const auto begin = curve.spent.begin();
  const auto end = std::upper_bound(begin, curve.spent.end(), budget);
  const auto first = std::upper_bound(begin, end, budget * (1 - kSmoothingFraction));
  const auto n_before = static_cast<std::size_t>(end - begin);
  if (n_before == 0) return std::nullopt;
  const std::size_t least =
      (kMinSmoothingSteps + curve.steps_per_point - 1) / curve.steps_per_point;
  const auto length = std::max(static_cast<std::size_t>(end - first), least);
  return fit::Window{n_before - std::min(n_before, length), n_before};
}

std::vector<std::optional<double>> smoothed_at(const LossCurve& curve,
                                               std::span<const double> budgets) {
  std::vector<fit::Window> windows;
  std::vector<std::optional<double>> losses(budgets.size());
  std::vector<std::size_t> positions;
  for (std::size_t point = 0; point < budgets.size(); ++point) {
    const auto window = smoothing_window(curve, budgets[point]);
    if (!window) continue;
    windows.push_back(*window);
    positions.push_back(point);
  }
  const std::vector<double> means = fit::window_means(curve.loss, windows);
  for (std::size_t i = 0; i < means.size(); ++i) losses[positions[i]] = means[i];
  return losses;
}

}  // namespace

LossCurve recorded_losses(const TrainingRun& run, LossKind kind, LossBudget budget) {
  if (budget == LossBudget::flops && run.last().header.flops.model_flops_per_token <= 0) return {};
  return kind == LossKind::validation ? validation_losses(run, budget) : train_losses(run, budget);
}

LossKind comparable_kind(std::span<const TrainingRun> runs) {
  const bool all_evaluated = std::all_of(runs.begin(), runs.end(), [](const TrainingRun& run) {
    return recorded_losses(run, LossKind::validation).loss.size() >= 2 || !has_train_losses(run);
  });
  return all_evaluated ? LossKind::validation : LossKind::smoothed_train;
}

std::vector<double> budget_grid(std::span<const LossCurve> curves) {
  const double limit = common_reach(curves);
  if (limit <= 0) return {};
  std::vector<double> grid;
  for (double power = 1; power <= limit; power *= 10) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      const double budget = digit * power;
      if (budget >= first_count(curves) && budget <= limit) grid.push_back(budget);
    }
  }
  if (grid.size() > kMaxRoundPoints)
    grid.erase(grid.begin(), grid.end() - static_cast<std::ptrdiff_t>(kMaxRoundPoints));
  if (grid.empty() || grid.back() < limit) grid.push_back(limit);
  return grid;
}

std::vector<std::optional<double>> losses_at(const LossCurve& curve, LossKind kind,
                                             std::span<const double> budgets) {
  if (kind == LossKind::smoothed_train) return smoothed_at(curve, budgets);
  std::vector<std::optional<double>> losses;
  for (const double budget : budgets) losses.push_back(interpolate(curve, budget));
  return losses;
}

}  // namespace isoflop
