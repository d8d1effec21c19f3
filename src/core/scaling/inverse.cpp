// SPDX-License-Identifier: MIT
#include "core/scaling/inverse.hpp"

#include "core/base/check.hpp"

#include <cmath>

namespace isoflop {
namespace {

/// Both forms say: height(L) = (a / N)^p + (b / D)^q. Least compute at a given height is where
/// p (a / N)^p = q (b / D)^q.
struct PowerTerms {
  double a = 0, p = 0;
  double b = 0, q = 0;

  double of_params(double n_params) const { return std::pow(a / n_params, p); }
  double of_tokens(double n_tokens) const { return std::pow(b / n_tokens, q); }
  double params_at(double term) const { return a / std::pow(term, 1 / p); }
  double tokens_at(double term) const { return b / std::pow(term, 1 / q); }
};

PowerTerms terms_of(const ChinchillaForm& form) {
  return {std::pow(form.A, 1 / form.alpha), form.alpha, std::pow(form.B, 1 / form.beta), form.beta};
}

PowerTerms terms_of(const KaplanForm& form) {
  return {form.N_c, form.alpha_N / form.alpha_D, form.D_c, 1.0};
}

PowerTerms terms_of(const ScalingLaw& law) {
  return std::visit([](const auto& form) { return terms_of(form); }, law.form);
}

double height_of(const ChinchillaForm& form, double loss) { return loss - form.E; }
double height_of(const KaplanForm& form, double loss) { return std::pow(loss, 1 / form.alpha_D); }

/// The sum of the two terms at this loss; zero or less where no run gets.
double height_of(const ScalingLaw& law, double loss) {
  if (loss <= irreducible_loss(law)) return 0;
  return std::visit([&](const auto& form) { return height_of(form, loss); }, law.form);
}

}  // namespace

double irreducible_loss(const ScalingLaw& law) {
  const auto* form = std::get_if<ChinchillaForm>(&law.form);
  return form ? form->E : 0;
}

std::optional<RunSize> run_for_loss(const ScalingLaw& law, double target_loss) {
  const double height = height_of(law, target_loss);
  if (height <= 0) return std::nullopt;
  const PowerTerms terms = terms_of(law);
  const double sum = terms.p + terms.q;
  return RunSize{terms.params_at(height * terms.q / sum), terms.tokens_at(height * terms.p / sum)};
}

std::optional<double> tokens_for_loss(const ScalingLaw& law, double n_params, double target_loss) {
  ISOFLOP_CHECK(n_params > 0);
  const PowerTerms terms = terms_of(law);
  const double rest = height_of(law, target_loss) - terms.of_params(n_params);
  return rest > 0 ? std::optional(terms.tokens_at(rest)) : std::nullopt;
}

std::optional<double> params_for_loss(const ScalingLaw& law, double n_tokens, double target_loss) {
  ISOFLOP_CHECK(n_tokens > 0);
  const PowerTerms terms = terms_of(law);
  const double rest = height_of(law, target_loss) - terms.of_tokens(n_tokens);
  return rest > 0 ? std::optional(terms.params_at(rest)) : std::nullopt;
}

double best_params_for_tokens(const ScalingLaw& law, double n_tokens) {
  ISOFLOP_CHECK(n_tokens > 0);
  const PowerTerms terms = terms_of(law);
  return terms.params_at(terms.of_tokens(n_tokens) * terms.q / terms.p);
}

double best_tokens_for_params(const ScalingLaw& law, double n_params) {
  ISOFLOP_CHECK(n_params > 0);
  const PowerTerms terms = terms_of(law);
  return terms.tokens_at(terms.of_params(n_params) * terms.p / terms.q);
}

}  // namespace isoflop
