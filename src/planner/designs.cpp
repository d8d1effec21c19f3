// SPDX-License-Identifier: MIT
#include "planner/designs.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <set>

namespace isoflop {

namespace {

using Amount = std::function<std::optional<double>(const Candidate&)>;

std::optional<double> params_of(const Candidate& candidate) { return candidate.n_params; }
std::optional<double> hours_of(const Candidate& candidate) { return candidate.device_hours(); }
std::optional<double> devices_of(const Candidate& candidate) { return candidate.job.devices(); }
std::optional<double> time_of(const Candidate& candidate) { return candidate.budget.wall_s; }
std::optional<double> money_of(const Candidate& candidate) { return candidate.cost(); }
std::optional<double> energy_of(const Candidate& candidate) { return candidate.energy_kwh(); }

/// The candidate that takes least of something at a loss near the choice's; null when that saves
/// less than a tenth.
const Candidate* least(const Candidate& choice, const std::vector<Candidate>& candidates,
                       const Amount& amount) {
  const double worst_loss = *choice.surface_loss * (1 + kNearBest);
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!candidate.surface_loss || *candidate.surface_loss > worst_loss) continue;
    const auto key = [&amount](const Candidate& c) {
      return std::pair(*amount(c), *c.surface_loss);
    };
    if (best == nullptr || key(candidate) < key(*best)) best = &candidate;
  }
  if (best == nullptr || *amount(*best) > 0.9 * *amount(choice)) return nullptr;
  return best;
}

/// Indices of the candidates that nothing beats in loss and in `amount`.
std::set<std::size_t> front_of(const std::vector<Candidate>& candidates, const Amount& amount) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (candidates[i].surface_loss && amount(candidates[i])) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(*amount(candidates[a]), *candidates[a].surface_loss) <
           std::pair(*amount(candidates[b]), *candidates[b].surface_loss);
  });
  std::set<std::size_t> front;
  double least_loss = std::numeric_limits<double>::infinity();
  for (const std::size_t i : order) {
    if (*candidates[i].surface_loss >= least_loss) continue;
    least_loss = *candidates[i].surface_loss;
    front.insert(i);
  }
  return front;
}

}  // namespace

std::vector<Design> near_best_designs(const Candidate& choice,
                                      const std::vector<Candidate>& candidates) {
  std::vector<Design> designs;
  if (!choice.surface_loss) return designs;
  const std::array<std::pair<const char*, Amount>, 4> kinds = {{{"smallest model", params_of},
                                                                {"fewest GPU hours", hours_of},
                                                                {"fewest GPUs", devices_of},
                                                                {"least time", time_of}}};
  for (const auto& [what, amount] : kinds) {
    if (const Candidate* const found = least(choice, candidates, amount))
      designs.push_back({what, *found});
  }
  return designs;
}

std::vector<FrontPoint> pareto_front(const std::vector<Candidate>& candidates) {
  const std::set<std::size_t> hours = front_of(candidates, hours_of);
  const std::set<std::size_t> money = front_of(candidates, money_of);
  const std::set<std::size_t> energy = front_of(candidates, energy_of);
  std::set<std::size_t> all = hours;
  all.insert(money.begin(), money.end());
  all.insert(energy.begin(), energy.end());
  std::vector<FrontPoint> front;
  for (const std::size_t i : all)
    front.push_back({candidates[i], hours.count(i) > 0, money.count(i) > 0, energy.count(i) > 0});
  std::stable_sort(front.begin(), front.end(), [](const FrontPoint& a, const FrontPoint& b) {
    return a.candidate.device_hours() < b.candidate.device_hours();
  });
  return front;
}

}  // namespace isoflop
