// SPDX-License-Identifier: MIT
#include "core/scaling/optimum.hpp"

#include "core/base/check.hpp"
#include "core/scaling/covariance.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

double best_params(const ChinchillaForm& form, double compute_flops) {
  const double sum = form.alpha + form.beta;
  const double g = std::pow(form.alpha * form.A / (form.beta * form.B), 1 / sum);
  return g * std::pow(compute_flops / 6, form.beta / sum);
}

double best_params(const KaplanForm& form, double compute_flops) {
  const double r = form.alpha_N / form.alpha_D;
  return std::pow(r * std::pow(form.N_c, r) * compute_flops / (6 * form.D_c), 1 / (1 + r));
}

}  // namespace

Optimum optimum(const ScalingLaw& law, double compute_flops) {
  ISOFLOP_CHECK(compute_flops > 0);
  const double n_params =
      std::visit([&](const auto& form) { return best_params(form, compute_flops); }, law.form);
  const double n_tokens = compute_flops / (6 * n_params);
  return {n_params, n_tokens, loss(law, n_params, n_tokens)};
}

std::optional<Range> optimal_params_interval_95(const ScalingLaw& law, double compute_flops) {
  const auto* form = std::get_if<ChinchillaForm>(&law.form);
  if (!form || !law.covariance) return std::nullopt;
  // ln N = (ln alpha + ln A - ln beta - ln B + beta ln(C/6)) / (alpha + beta), differentiated.
  const double sum = form->alpha + form->beta;
  const double log_params = std::log(best_params(*form, compute_flops));
  const LawGradient gradient = {1 / sum, -1 / sum, 0.0, (1 / form->alpha - log_params) / sum,
                                (std::log(compute_flops / 6) - 1 / form->beta - log_params) / sum};
  const double half_width = kNormal95 * standard_deviation(*law.covariance, gradient);
  return Range{std::exp(log_params - half_width), std::exp(log_params + half_width)};
}

double wasted_compute(const ScalingLaw& law, double n_params, double n_tokens) {
  const double compute = 6 * n_params * n_tokens;
  const double reached = loss(law, n_params, n_tokens);
  // The optimum's loss falls with compute: bisect ln(fraction) for the fraction that reaches it.
  double low = std::log(1e-12);
  double high = 0;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (optimum(law, compute * std::exp(middle)).loss > reached ? low : high) = middle;
  }
  return std::max(0.0, 1 - std::exp(high));
}

double params_over_optimum(const ScalingLaw& law, double n_params, double n_tokens) {
  return n_params / optimum(law, 6 * n_params * n_tokens).n_params;
}

SizeVerdict size_verdict(double params_over_optimum) {
  if (params_over_optimum < 0.7) return SizeVerdict::over_trained;
  return params_over_optimum > 1.4 ? SizeVerdict::over_parameterised : SizeVerdict::near_optimal;
}

}  // namespace isoflop
