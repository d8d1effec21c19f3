// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"

#include <optional>

namespace isoflop {

/// The loss that no model and no data get below: E, or 0 in Kaplan's form.
double irreducible_loss(const ScalingLaw& law);

/// A run that reaches a loss.
struct RunSize {
  double n_params = 0;  ///< as the law counts them
  double n_tokens = 0;
  double compute_flops() const { return 6 * n_params * n_tokens; }
};

/// The run of least compute 6 N D that reaches the loss; absent at and below irreducible_loss. At
/// the optimum the terms of N and D stand in a fixed ratio, which gives both in closed form.
std::optional<RunSize> run_for_loss(const ScalingLaw& law, double target_loss);

/// Tokens after which a model of n_params reaches the loss; absent when no number of tokens does.
std::optional<double> tokens_for_loss(const ScalingLaw& law, double n_params, double target_loss);

/// Parameters with which n_tokens reach the loss; absent when no size does.
std::optional<double> params_for_loss(const ScalingLaw& law, double n_tokens, double target_loss);

/// The N for which n_tokens are compute-optimal, and the D for which n_params are.
double best_params_for_tokens(const ScalingLaw& law, double n_tokens);
double best_tokens_for_params(const ScalingLaw& law, double n_params);

}  // namespace isoflop
