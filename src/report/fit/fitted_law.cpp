// SPDX-License-Identifier: MIT
#include "report/fit/fitted_law.hpp"

#include "core/scaling/covariance.hpp"
#include "report/fit/resampling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop::fit {
namespace {

Range range_of(std::span<const ScalingPoint> points, double ScalingPoint::*quantity) {
  Range range = {points.front().*quantity, points.front().*quantity};
  for (const ScalingPoint& point : points)
    range = {std::min(range.low, point.*quantity), std::max(range.high, point.*quantity)};
  return range;
}

std::optional<LawCovariance> covariance_of(const SurfaceFit& fit) {
  if (fit.form == Form::kaplan) return std::nullopt;
  std::vector<std::vector<double>> resamples = fit.inner_resamples;
  for (auto& theta : resamples) theta.resize(5);  // without R, which no law has
  const auto rows = trimmed_covariance(resamples);
  if (!rows) return std::nullopt;
  LawCovariance covariance = {};
  for (std::size_t i = 0; i < covariance.size(); ++i)
    std::copy((*rows)[i].begin(), (*rows)[i].end(), covariance[i].begin());
  return is_positive_definite(covariance) ? std::optional(covariance) : std::nullopt;
}

std::variant<ChinchillaForm, KaplanForm> form_of(const SurfaceFit& fit) {
  const std::vector<double>& theta = fit.theta;
  if (fit.form == Form::kaplan)
    return KaplanForm{.N_c = std::exp(theta[0]),
                      .D_c = std::exp(theta[1]),
                      .alpha_N = theta[2],
                      .alpha_D = theta[3]};
  return ChinchillaForm{.E = std::exp(theta[2]),
                        .A = std::exp(theta[0]),
                        .B = std::exp(theta[1]),
                        .alpha = theta[3],
                        .beta = theta[4]};
}

}  // namespace

std::vector<ParamsInterval> optimal_params_95(const SurfaceFit& fit,
                                              std::span<const double> compute_flops) {
  std::vector<ParamsInterval> rows;
  if (fit.resamples.empty()) return rows;
  for (const double compute : compute_flops) {
    std::vector<double> best;
    for (const auto& theta : fit.resamples)
      best.push_back(log_optimal_params(fit.form, theta, compute));
    const Range logs = interval_95(std::move(best));
    const Range interval = {std::exp(logs.low), std::exp(logs.high)};
    if (interval.low > 0 && std::isfinite(interval.high)) rows.push_back({compute, interval});
  }
  return rows;
}

std::vector<double> compute_decades(std::span<const ScalingPoint> points, double extrapolation) {
  const Range compute = range_of(points, &ScalingPoint::compute_flops);
  const int first = static_cast<int>(std::floor(std::log10(compute.low)));
  const int last = static_cast<int>(std::ceil(std::log10(compute.high * extrapolation)));
  std::vector<double> decades;
  for (int power = first; power <= last; ++power)
    decades.push_back(std::stod(fmt::format("1e{}", power)));  // pow may miss the nearest double
  return decades;
}

ScalingLaw fitted_law(const SurfaceFit& fit, const ScalingData& data, const FitOptions& options) {
  ScalingLaw law;
  law.form = form_of(fit);
  law.covariance = covariance_of(fit);
  if (law.covariance)
    law.optimal_params_95 =
        optimal_params_95(fit, compute_decades(data.points, options.extrapolation));
  law.counted_params = options.counted_params;
  law.tokenizer =
      data.tokenizer.value_or(LawTokenizer{options.tokenizer, options.vocab_size, std::nullopt});
  law.fitted_compute_flops = range_of(data.points, &ScalingPoint::compute_flops);
  law.fitted_params = range_of(data.points, &ScalingPoint::n_params);
  law.fitted_tokens = range_of(data.points, &ScalingPoint::n_tokens);
  law.usable_compute_flops = {law.fitted_compute_flops.low / options.extrapolation,
                              law.fitted_compute_flops.high * options.extrapolation};
  return law;
}

}  // namespace isoflop::fit
