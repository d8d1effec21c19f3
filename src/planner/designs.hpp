// SPDX-License-Identifier: MIT
#pragma once

#include "planner/candidate.hpp"
#include "planner/goals.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// Another design that is nearly as good.
struct Design {
  std::string what;  ///< "smallest model", "fewest GPU hours"
  Candidate candidate;
};

/// Designs whose loss is within kNearBest of the choice's and that save at least a tenth of
/// parameters, device hours, devices or time: for each of these the one that saves most. Empty
/// where there are no losses to compare.
std::vector<Design> near_best_designs(const Candidate& choice,
                                      const std::vector<Candidate>& candidates);

/// A design that no other beats in loss and in what it consumes.
struct FrontPoint {
  Candidate candidate;
  bool least_hours = false;  ///< of all that reach its loss: device hours
  bool least_money = false;
  bool least_energy = false;
};

/// The Pareto fronts of loss against device hours, money and energy, in order of device hours.
std::vector<FrontPoint> pareto_front(const std::vector<Candidate>& candidates);

}  // namespace isoflop
