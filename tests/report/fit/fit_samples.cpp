// SPDX-License-Identifier: MIT
#include "report/fit/fit_samples.hpp"

#include <cmath>
#include <random>

namespace isoflop::fit {

std::vector<ScalingPoint> gadre_points(const std::string& name) {
  std::vector<ScalingPoint> points =
      read_scaling_table(ISOFLOP_SOURCE_DIR "/tests/report/fit/gadre2024_" + name + ".csv").points;
  sort_points(points);
  return points;
}

std::vector<ScalingPoint> synthetic_points(std::size_t n, double noise, unsigned seed,
                                           const ChinchillaForm& truth) {
  constexpr double kBudgets[] = {6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21};
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> log_ratio(std::log(2.0), std::log(200.0));
  std::normal_distribution<double> error(0, noise);
  std::vector<ScalingPoint> points;
  for (std::size_t i = 0; i < n; ++i) {
    const double compute = kBudgets[i % std::size(kBudgets)];
    const double n_params = std::sqrt(compute / 6 / std::exp(log_ratio(random)));
    const double n_tokens = compute / (6 * n_params);
    const double loss = truth.E + truth.A / std::pow(n_params, truth.alpha) +
                        truth.B / std::pow(n_tokens, truth.beta);
    points.push_back({std::to_string(i), n_params, n_tokens, compute,
                      loss * std::exp(noise > 0 ? error(random) : 0)});
  }
  sort_points(points);
  return points;
}

ChinchillaForm chinchilla_form(std::span<const double> theta) {
  return {.E = std::exp(theta[2]),
          .A = std::exp(theta[0]),
          .B = std::exp(theta[1]),
          .alpha = theta[3],
          .beta = theta[4]};
}

}  // namespace isoflop::fit
