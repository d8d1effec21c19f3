// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_design.hpp"

#include <cmath>

namespace isoflop {
namespace {

using BestParams = std::function<double(double)>;
using Settings = std::vector<std::pair<std::string, std::string>>;

/// factor^(i - middle): below one for the first half, above for the second.
double around(double factor, int i, int count) { return std::pow(factor, i - 0.5 * (count - 1)); }

double budget_compute(const SweepSpec& spec, double top_compute, int budget) {
  return top_compute / std::pow(spec.budget_factor, spec.n_budgets - 1 - budget);
}

SweepPoint isoflop_point(const SweepSpec& spec, double compute, double best, int i) {
  SweepPoint point;
  point.compute = compute;
  point.n_params = best * around(spec.size_factor, i, spec.n_sizes);
  point.n_tokens = compute / (6 * point.n_params);
  return point;
}

SweepPoint with_tokens(double n_params, double n_tokens) {
  SweepPoint point;
  point.compute = 6 * n_params * n_tokens;
  point.n_params = n_params;
  point.n_tokens = n_tokens;
  point.fixed_tokens = true;
  return point;
}

/// Tokens of the grid: evenly from the least budget's optimum to the dearest one's.
double grid_tokens(const SweepSpec& spec, double top_compute, const BestParams& best, int i) {
  const double least = budget_compute(spec, top_compute, 0);
  const double low = least / (6 * best(least));
  const double high = top_compute / (6 * best(top_compute));
  return low * std::pow(high / low, static_cast<double>(i) / (spec.n_sizes - 1));
}

SweepPoint point_of(const SweepSpec& spec, double top_compute, const BestParams& best, int budget,
                    int i) {
  const double compute = budget_compute(spec, top_compute, budget);
  const double n_params = best(compute);
  switch (spec.approach) {
    case SweepApproach::isoflop:
      return isoflop_point(spec, compute, n_params, i);
    case SweepApproach::parametric:
      return with_tokens(n_params,
                         compute / (6 * n_params) * around(spec.size_factor, i, spec.n_sizes));
    case SweepApproach::grid:
      break;
  }
  return with_tokens(n_params, grid_tokens(spec, top_compute, best, i));
}

std::vector<SweepPoint> ablation_points(const SweepSpec& spec, double compute,
                                        const BestParams& best) {
  std::vector<SweepPoint> points;
  for (Settings& settings : combinations(spec.vary)) {
    const double n_params = best(compute);
    points.push_back({.compute = compute,
                      .n_params = n_params,
                      .n_tokens = compute / (6 * n_params),
                      .settings = std::move(settings)});
  }
  return points;
}

}  // namespace

std::vector<Settings> combinations(const std::vector<VariedKey>& vary) {
  std::vector<Settings> all = {{}};
  for (const VariedKey& varied : vary) {
    std::vector<Settings> longer;
    for (const Settings& settings : all) {
      for (const std::string& value : varied.values) {
        longer.push_back(settings);
        longer.back().emplace_back(varied.key, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

std::vector<SweepPoint> design_points(const SweepSpec& spec, double top_compute,
                                      const BestParams& best_params) {
  if (spec.is_ablation()) return ablation_points(spec, top_compute, best_params);
  std::vector<SweepPoint> points;
  for (int budget = 0; budget < spec.n_budgets; ++budget) {
    for (int i = 0; i < spec.n_sizes; ++i) {
      points.push_back(point_of(spec, top_compute, best_params, budget, i));
      points.back().budget = budget;
    }
  }
  return points;
}

}  // namespace isoflop
