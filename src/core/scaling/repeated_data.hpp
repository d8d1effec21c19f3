// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

namespace isoflop {

/// How fast repeated tokens, and parameters in excess of what the unique tokens need, lose their
/// worth.
struct RepeatedData {
  double r_star = 0;                    ///< R_D* of Muennighoff et al. 2023, in epochs
  std::optional<double> r_star_params;  ///< R_N* there, in multiples of the base size
};

/// Unique tokens that are worth as much as `unique_tokens` read `epochs` times (epochs >= 1, need
/// not be whole): U + U R (1 - exp(-(epochs - 1) / R)). Up to one epoch all tokens count.
/// Source: Muennighoff et al. 2023, arXiv:2305.16264.
double effective_tokens(const RepeatedData& repeated, double unique_tokens, double epochs);

/// N' = U + U R_N (1 - exp(-(N / U - 1) / R_N)) of a model of N parameters, U being the size that
/// is compute-optimal for the unique tokens (best_params_for_tokens); N itself up to there and
/// where R_N is not known. Source: Muennighoff et al. 2023, arXiv:2305.16264, section 3.1.
double effective_params(const RepeatedData& repeated, double base_params, double n_params);

}  // namespace isoflop
