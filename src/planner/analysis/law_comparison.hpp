// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/allocation_rule.hpp"
#include "core/scaling/inverse.hpp"
#include "core/scaling/optimum.hpp"
#include "core/scaling/scaling_law.hpp"

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What is fixed about a run; the laws say the rest. One of them asks for the best run, two of
/// compute (6 N D), N and D describe one run, the loss with N or D asks for the other.
struct RunConstraints {
  std::optional<double> compute_flops;
  std::optional<double> n_params;
  std::optional<double> n_tokens;
  std::optional<double> loss;  ///< nats per token
};

/// What a law answers.
enum class Question {
  best_run,       ///< N and D are the law's choice
  given_run,      ///< N and D are given: the law judges them
  partner_of_one  ///< N or D given, the other follows from the loss
};

/// Throws ConfigError, naming the options, for none, or for more than fit together.
Question question_of(const RunConstraints& constraints);

/// What one law or rule says.
struct LawAnswer {
  std::string name;
  std::string title;
  CountedParams counted_params = CountedParams::total;
  RunSize run;
  std::optional<Range> params_95;  ///< of the best N; best runs for a compute budget only
  std::optional<double> loss;      ///< absent for rules, which predict none
  std::optional<Range> loss_95;
  std::optional<double> best_params;     ///< for the run's compute, when N and D are given
  std::optional<double> wasted_compute;  ///< fraction, on the reference law's surface
  std::optional<double> batch_tokens;    ///< rules that say so
  std::optional<double> learning_rate;
  std::vector<std::string> warnings;  ///< sentences
};

/// Absent when the law has no such run: a loss that it does not reach.
std::optional<LawAnswer> ask_law(const ScalingLaw& law, const RunConstraints& constraints,
                                 const ScalingLaw& reference);

/// Absent unless compute alone is fixed: rules know nothing of losses.
std::optional<LawAnswer> ask_rule(const AllocationRule& rule, const RunConstraints& constraints,
                                  const ScalingLaw& reference);

/// Why `law` has no run of the loss that `constraints` ask for; a clause.
std::string why_unreachable(const ScalingLaw& law, const RunConstraints& constraints);

}  // namespace isoflop
