// SPDX-License-Identifier: MIT
#include "report/fit/law_form.hpp"

#include <cmath>

namespace isoflop::fit {

std::vector<FormParameter> form_parameters(Form form) {
  if (form == Form::kaplan)
    return {
        {"ln N_c", 0, false}, {"ln D_c", 1, false}, {"alpha_N", 2, false}, {"alpha_D", 3, false}};
  std::vector<FormParameter> parameters = {
      {"E", 2, true}, {"A", 0, true}, {"B", 1, true}, {"alpha", 3, false}, {"beta", 4, false}};
  if (form == Form::data_constrained) parameters.push_back({"R", 5, true});
  return parameters;
}

std::string form_equation(Form form) {
  switch (form) {
    case Form::chinchilla:
      return "L = E + A / N^alpha + B / D^beta";
    case Form::data_constrained:
      return "L = E + A / N^alpha + B / D'^beta, D' = U + U R (1 - exp(-(D / U - 1) / R))";
    case Form::kaplan:
      return "L = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D";
  }
  return {};
}

double params_exponent(Form form, std::span<const double> theta) {
  if (form == Form::kaplan) return theta[3] / (theta[2] + theta[3]);
  return theta[4] / (theta[3] + theta[4]);
}

double log_optimal_params(Form form, std::span<const double> theta, double compute_flops) {
  if (form == Form::kaplan) {
    const double r = theta[2] / theta[3];
    return (std::log(r) + r * theta[0] + std::log(compute_flops / 6) - theta[1]) / (1 + r);
  }
  const double alpha = theta[3];
  const double beta = theta[4];
  return (std::log(alpha) + theta[0] - std::log(beta) - theta[1] +
          beta * std::log(compute_flops / 6)) /
         (alpha + beta);
}

}  // namespace isoflop::fit
