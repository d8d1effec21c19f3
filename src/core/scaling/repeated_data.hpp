// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// How fast repeated tokens lose their worth.
struct RepeatedData {
  double r_star = 0;  ///< R_D* of Muennighoff et al. 2023, in epochs
};

/// Unique tokens that are worth as much as `unique_tokens` read `epochs` times (epochs >= 1, need
/// not be whole): U + U R (1 - exp(-(epochs - 1) / R)). Up to one epoch all tokens count.
/// Source: Muennighoff et al. 2023, arXiv:2305.16264.
double effective_tokens(const RepeatedData& repeated, double unique_tokens, double epochs);

}  // namespace isoflop
