// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace isoflop::fit {

/// The loss surfaces that can be fitted. Their parameters theta:
///   chinchilla        (ln A, ln B, ln E, alpha, beta)
///   data_constrained  the same and ln R, of tokens read more than once
///   kaplan            (ln N_c, ln D_c, alpha_N, alpha_D)
enum class Form { chinchilla, data_constrained, kaplan };

/// One parameter as it is shown.
struct FormParameter {
  const char* name;
  std::size_t index;
  bool is_logarithm;  ///< theta holds the logarithm of what is shown
};

std::vector<FormParameter> form_parameters(Form form);

/// "L = E + A / N^alpha + B / D^beta".
std::string form_equation(Form form);

/// d ln N / d ln C of the least loss at a compute budget: beta / (alpha + beta), or 1 / (1 +
/// alpha_N / alpha_D).
double params_exponent(Form form, std::span<const double> theta);

/// ln of the N of the least loss at C = 6 N D (core/scaling/optimum.hpp in logarithms: resamples
/// may hold exponents for which powers overflow); no token is repeated.
double log_optimal_params(Form form, std::span<const double> theta, double compute_flops);

}  // namespace isoflop::fit
