// SPDX-License-Identifier: MIT
#include "core/scaling/scaling_law.hpp"

#include "core/base/check.hpp"
#include "core/scaling/covariance.hpp"

#include <cmath>

namespace isoflop {
namespace {

double loss_of(const ChinchillaForm& form, double n_params, double n_tokens) {
  return form.E + form.A / std::pow(n_params, form.alpha) + form.B / std::pow(n_tokens, form.beta);
}

double loss_of(const KaplanForm& form, double n_params, double n_tokens) {
  return std::pow(std::pow(form.N_c / n_params, form.alpha_N / form.alpha_D) + form.D_c / n_tokens,
                  form.alpha_D);
}

}  // namespace

double loss(const ScalingLaw& law, double n_params, double n_tokens) {
  ISOFLOP_CHECK(n_params > 0 && n_tokens > 0);
  return std::visit([&](const auto& form) { return loss_of(form, n_params, n_tokens); }, law.form);
}

std::optional<Range> loss_interval_95(const ScalingLaw& law, double n_params, double n_tokens) {
  const auto* form = std::get_if<ChinchillaForm>(&law.form);
  if (!form || !law.covariance) return std::nullopt;
  const double of_params = form->A / std::pow(n_params, form->alpha);
  const double of_tokens = form->B / std::pow(n_tokens, form->beta);
  const LawGradient gradient = {of_params, of_tokens, form->E, -of_params * std::log(n_params),
                                -of_tokens * std::log(n_tokens)};
  const double half_width = kNormal95 * standard_deviation(*law.covariance, gradient);
  const double centre = form->E + of_params + of_tokens;
  return Range{centre - half_width, centre + half_width};
}

}  // namespace isoflop
