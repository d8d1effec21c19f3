// SPDX-License-Identifier: MIT
#include "core/scaling/optimum.hpp"

#include "core/base/check.hpp"
#include "core/scaling/covariance.hpp"
#include "core/scaling/inverse.hpp"

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

double geometric_mean(double a, double b, double weight_of_b) {
  return std::exp((1 - weight_of_b) * std::log(a) + weight_of_b * std::log(b));
}

std::optional<Range> tabulated_interval(const std::vector<ParamsInterval>& rows,
                                        double compute_flops) {
  const auto above = std::lower_bound(
      rows.begin(), rows.end(), compute_flops,
      [](const ParamsInterval& row, double value) { return row.compute_flops < value; });
  if (above == rows.end()) return std::nullopt;
  if (above->compute_flops == compute_flops) return above->interval;
  if (above == rows.begin()) return std::nullopt;
  const ParamsInterval& below = *(above - 1);
  const double weight = std::log(compute_flops / below.compute_flops) /
                        std::log(above->compute_flops / below.compute_flops);
  return Range{geometric_mean(below.interval.low, above->interval.low, weight),
               geometric_mean(below.interval.high, above->interval.high, weight)};
}

Range delta_method_interval(const ChinchillaForm& form, const LawCovariance& covariance,
                            double compute_flops) {
  // ln N = (ln alpha + ln A - ln beta - ln B + beta ln(C/6)) / (alpha + beta), differentiated.
  const double sum = form.alpha + form.beta;
  const double log_params = std::log(best_params(form, compute_flops));
  const LawGradient gradient = {1 / sum, -1 / sum, 0.0, (1 / form.alpha - log_params) / sum,
                                (std::log(compute_flops / 6) - 1 / form.beta - log_params) / sum};
  const double half_width = kNormal95 * standard_deviation(covariance, gradient);
  return {std::exp(log_params - half_width), std::exp(log_params + half_width)};
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
  if (const auto tabulated = tabulated_interval(law.optimal_params_95, compute_flops))
    return tabulated;
  const auto* form = std::get_if<ChinchillaForm>(&law.form);
  if (!form || !law.covariance) return std::nullopt;
  return delta_method_interval(*form, *law.covariance, compute_flops);
}

double wasted_compute(const ScalingLaw& law, double n_params, double n_tokens) {
  const std::optional<RunSize> best = run_for_loss(law, loss(law, n_params, n_tokens));
  if (!best) return 0;  // so large a run that its loss rounds to the irreducible one
  return std::max(0.0, 1 - best->compute_flops() / (6 * n_params * n_tokens));
}

double params_over_optimum(const ScalingLaw& law, double n_params, double n_tokens) {
  return n_params / optimum(law, 6 * n_params * n_tokens).n_params;
}

SizeVerdict size_verdict(double params_over_optimum) {
  if (params_over_optimum < 0.7) return SizeVerdict::over_trained;
  return params_over_optimum > 1.4 ? SizeVerdict::over_parameterised : SizeVerdict::near_optimal;
}

std::string to_string(SizeVerdict verdict) {
  switch (verdict) {
    case SizeVerdict::over_trained:
      return "over-trained";
    case SizeVerdict::near_optimal:
      return "near-optimal";
    case SizeVerdict::over_parameterised:
      return "over-parameterised";
  }
  return "";
}

}  // namespace isoflop
