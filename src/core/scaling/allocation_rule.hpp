// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// coefficient (C / reference_flops)^exponent.
struct PowerLaw {
  double coefficient = 0;
  double exponent = 0;
  double reference_flops = 1;

  double at(double compute_flops) const;
};

/// A published rule that splits a compute budget C = 6 N D into N and D and says nothing about the
/// loss.
struct AllocationRule {
  /// What the power law gives; the other follows from C.
  enum class Quantity { params, tokens };

  std::string name;   ///< "llama3"
  std::string title;  ///< "Llama 3 2024"
  Quantity quantity = Quantity::tokens;
  PowerLaw power_law;
  CountedParams counted_params = CountedParams::total;
  std::optional<PowerLaw> batch_tokens;   ///< tokens of a step
  std::optional<PowerLaw> learning_rate;  ///< peak
  Range fitted_compute_flops;
  std::optional<std::string> caution;  ///< a sentence the user should read
  std::string source;
};

/// N and D of a compute budget.
struct BudgetSplit {
  double n_params = 0;
  double n_tokens = 0;
};

BudgetSplit split_budget(const AllocationRule& rule, double compute_flops);

}  // namespace isoflop
