// SPDX-License-Identifier: MIT
#include "core/scaling/allocation_rule.hpp"

#include "core/base/check.hpp"

#include <cmath>

namespace isoflop {

double PowerLaw::at(double compute_flops) const {
  return coefficient * std::pow(compute_flops / reference_flops, exponent);
}

BudgetSplit split_budget(const AllocationRule& rule, double compute_flops) {
  ISOFLOP_CHECK(compute_flops > 0);
  const double given = rule.power_law.at(compute_flops);
  const double other = compute_flops / (6 * given);
  return rule.quantity == AllocationRule::Quantity::params ? BudgetSplit{given, other}
                                                           : BudgetSplit{other, given};
}

}  // namespace isoflop
