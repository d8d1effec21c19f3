// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// The least loss that a compute budget reaches.
struct Optimum {
  double n_params = 0;  ///< as the law counts them
  double n_tokens = 0;
  double loss = 0;  ///< nats per token
};

/// Minimises the loss under C = 6 N D.
/// Chinchilla form: N = G (C/6)^(beta/(alpha+beta)), G = (alpha A / (beta B))^(1/(alpha+beta)).
/// Kaplan form: N = (r N_c^r C / (6 D_c))^(1/(1+r)), r = alpha_N / alpha_D; follows from eq. 1.5.
Optimum optimum(const ScalingLaw& law, double compute_flops);

/// 95 % interval of the best number of parameters: the law's bootstrap percentiles, between rows
/// straight in ln C and ln N; beyond them, or without any, from the covariance, to first order in
/// ln N (delta method). Absent without covariance.
std::optional<Range> optimal_params_interval_95(const ScalingLaw& law, double compute_flops);

/// Fraction of the compute 6 N D that the law's optimum would save at the same loss.
double wasted_compute(const ScalingLaw& law, double n_params, double n_tokens);

/// How a model's size compares with the optimum for its own compute.
enum class SizeVerdict { over_trained, near_optimal, over_parameterised };

/// N over the optimum for C = 6 N D.
double params_over_optimum(const ScalingLaw& law, double n_params, double n_tokens);
/// near_optimal from 0.7 to 1.4: there less than 5 % of the compute is lost by Besiroglu's
/// law.
SizeVerdict size_verdict(double params_over_optimum);
/// "over-trained", "near-optimal", "over-parameterised".
std::string to_string(SizeVerdict verdict);

}  // namespace isoflop
