// SPDX-License-Identifier: MIT
#include "core/base/format.hpp"
#include "report/fit/frontier.hpp"
#include "report/fit/line_fit.hpp"
#include "report/fit/parallel_cores.hpp"
#include "report/fit/resampling.hpp"
#include "report/fit/weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace isoflop::fit {
namespace {

constexpr std::size_t kMinSizesOfBudget = 3;
constexpr std::size_t kMinBudgets = 3;

/// Points [begin, end) of the kernel's arrays.
struct Budget {
  std::size_t begin = 0;
  std::size_t end = 0;
  double log_compute = 0;
  double log_params_center = 0;
  double least_log_params = 0;
  double largest_log_params = 0;
};

struct SizedLoss {
  double log_params = 0;  ///< less the centre of its budget
  double loss = 0;
};

/// Minimum of a parabola; not found when it opens downwards, is not determined, or has its minimum
/// beyond the sizes.
struct ParabolaMinimum {
  double log_params = 0;
  double loss = 0;
  double curvature = 0;
  bool found = false;
};

using LossView = Kokkos::View<const SizedLoss*, Space>;

/// loss = c0 + c1 x + c2 x^2 by weighted least squares (Cramer's rule on the normal equations).
KOKKOS_INLINE_FUNCTION ParabolaMinimum parabola_minimum(const LossView& losses,
                                                        const float* weights,
                                                        const Budget& budget) {
  double s[5] = {};
  double t[3] = {};
  for (std::size_t i = budget.begin; i < budget.end; ++i) {
    double power = weights[i];
    for (int k = 0; k < 5; ++k) {
      s[k] += power;
      if (k < 3) t[k] += power * losses(i).loss;
      power *= losses(i).log_params;
    }
  }
  const double det = s[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (s[1] * s[4] - s[2] * s[3]) +
                     s[2] * (s[1] * s[3] - s[2] * s[2]);
  ParabolaMinimum minimum;
  if (!(det > 1e-9 * s[0] * s[2] * s[4])) return minimum;
  const double c0 = (t[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (t[1] * s[4] - s[3] * t[2]) +
                     s[2] * (t[1] * s[3] - s[2] * t[2])) /
                    det;
  const double c1 = (s[0] * (t[1] * s[4] - s[3] * t[2]) - t[0] * (s[1] * s[4] - s[2] * s[3]) +
                     s[2] * (s[1] * t[2] - t[1] * s[2])) /
                    det;
  const double c2 = (s[0] * (s[2] * t[2] - t[1] * s[3]) - s[1] * (s[1] * t[2] - t[1] * s[2]) +
                     t[0] * (s[1] * s[3] - s[2] * s[2])) /
                    det;
  if (!(c2 > 0)) return minimum;
  const double x = -c1 / (2 * c2);
  minimum.log_params = budget.log_params_center + x;
  minimum.loss = c0 - c1 * c1 / (4 * c2);
  minimum.curvature = c2;
  minimum.found = minimum.log_params >= budget.least_log_params &&
                  minimum.log_params <= budget.largest_log_params;
  return minimum;
}

Budget describe(std::span<const ScalingPoint> points, std::size_t begin, std::size_t end) {
  Budget budget = {.begin = begin, .end = end};
  budget.least_log_params = budget.largest_log_params = std::log(points[begin].n_params);
  for (std::size_t i = begin; i < end; ++i) {
    const double size = std::log(points[i].n_params);
    const auto n = static_cast<double>(end - begin);
    budget.log_compute += std::log(points[i].compute_flops) / n;
    budget.log_params_center += size / n;
    budget.least_log_params = std::min(budget.least_log_params, size);
    budget.largest_log_params = std::max(budget.largest_log_params, size);
  }
  return budget;
}

/// Groups of neighbours in compute that hold enough sizes.
std::vector<Budget> find_budgets(std::span<const ScalingPoint> sorted) {
  std::vector<Budget> budgets;
  for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    std::set<double> sizes;
    for (end = begin; end < sorted.size(); ++end) {
      if (end > begin && !same_budget(sorted[end - 1].compute_flops, sorted[end].compute_flops))
        break;
      sizes.insert(sorted[end].n_params);
    }
    if (sizes.size() >= kMinSizesOfBudget) budgets.push_back(describe(sorted, begin, end));
  }
  return budgets;
}

using MinimaView = Kokkos::View<ParabolaMinimum**, Kokkos::LayoutRight, Kokkos::HostSpace>;

/// The minimum of each budget (column) in each problem (row of the weights).
MinimaView solve_budgets(std::span<const ScalingPoint> sorted, std::span<const Budget> budgets,
                         const WeightView& weights) {
  std::vector<SizedLoss> host(sorted.size());
  for (const Budget& budget : budgets) {
    for (std::size_t i = budget.begin; i < budget.end; ++i)
      host[i] = {std::log(sorted[i].n_params) - budget.log_params_center, sorted[i].loss};
  }
  const LossView losses = to_device<SizedLoss>("report::fit::isoflop_losses", host);
  const auto groups = to_device("report::fit::isoflop_budgets", budgets);
  const Kokkos::View<ParabolaMinimum**, Kokkos::LayoutRight, Space> minima(
      "report::fit::isoflop_minima", weights.extent(0), budgets.size());
  for_each_on_all_cores(
      "report::fit::isoflop_minima", weights.extent(0), KOKKOS_LAMBDA(const std::size_t problem) {
        for (std::size_t g = 0; g < groups.extent(0); ++g)
          minima(problem, g) = parabola_minimum(losses, &weights(problem, 0), groups(g));
      });
  const MinimaView result("report::fit::isoflop_minima_host", weights.extent(0), budgets.size());
  Kokkos::deep_copy(result, minima);
  return result;
}

std::optional<double> exponent_of(std::span<const Budget> budgets, const MinimaView& minima,
                                  std::size_t problem) {
  LineSums line;
  for (std::size_t g = 0; g < budgets.size(); ++g) {
    if (minima(problem, g).found)
      line.add(budgets[g].log_compute - budgets[0].log_compute, minima(problem, g).log_params);
  }
  return line.has_slope() ? std::optional(line.slope()) : std::nullopt;
}

std::optional<Range> params_interval(const MinimaView& minima, std::size_t budget) {
  std::vector<double> found;
  for (std::size_t problem = 1; problem < minima.extent(0); ++problem) {
    if (minima(problem, budget).found)
      found.push_back(std::exp(minima(problem, budget).log_params));
  }
  return found.empty() ? std::nullopt : std::optional(interval_95(std::move(found)));
}

/// All but the exponent.
FrontierFit describe(std::span<const Budget> budgets, const MinimaView& minima) {
  FrontierFit fit;
  for (std::size_t g = 0; g < budgets.size(); ++g) {
    const double compute = std::exp(budgets[g].log_compute);
    const ParabolaMinimum& minimum = minima(0, g);
    if (minimum.found)
      fit.points.push_back({compute, std::exp(minimum.log_params), params_interval(minima, g),
                            minimum.loss, budgets[g].end - budgets[g].begin, minimum.curvature});
    else
      fit.notes.push_back(
          fmt::format("C = {}: left out, its parabola has no minimum between the sizes",
                      format_scientific(compute)));
  }
  for (std::size_t problem = 1; problem < minima.extent(0); ++problem) {
    if (const auto resampled = exponent_of(budgets, minima, problem))
      fit.resampled_exponents.push_back(*resampled);
    else
      ++fit.n_failed_resamples;
  }
  return fit;
}

}  // namespace

FrontierResult isoflop_frontier(std::span<const ScalingPoint> points, std::size_t n_bootstrap,
                                uint64_t seed) {
  const std::vector<ScalingPoint> sorted = by_compute(points);
  const std::vector<Budget> budgets = find_budgets(sorted);
  if (budgets.size() < kMinBudgets)
    return fmt::format("{} budgets with at least {} sizes (at least {} are needed)", budgets.size(),
                       kMinSizesOfBudget, kMinBudgets);
  std::vector<float> counts(sorted.size(), 1.0F);
  const auto resampled = resample_counts(run_numbers(sorted), n_bootstrap, seed);
  counts.insert(counts.end(), resampled.begin(), resampled.end());
  const MinimaView minima = solve_budgets(sorted, budgets, to_weights(counts, sorted.size()));
  FrontierFit fit = describe(budgets, minima);
  if (fit.points.size() < kMinBudgets)
    return fmt::format(
        "{} budgets whose parabola has its minimum between the sizes (at least {} are needed)",
        fit.points.size(), kMinBudgets);
  fit.exponent = exponent_of(budgets, minima, 0).value();
  return fit;
}

}  // namespace isoflop::fit
