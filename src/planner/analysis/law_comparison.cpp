// SPDX-License-Identifier: MIT
#include "planner/analysis/law_comparison.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/scaling/prediction.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

int count_given(const RunConstraints& c) {
  return int{c.compute_flops.has_value()} + int{c.n_params.has_value()} +
         int{c.n_tokens.has_value()};
}

/// The run that two of C, N and D fix.
RunSize given_run(const RunConstraints& c) {
  if (!c.n_params) return {*c.compute_flops / (6 * *c.n_tokens), *c.n_tokens};
  return {*c.n_params, c.n_tokens ? *c.n_tokens : *c.compute_flops / (6 * *c.n_params)};
}

std::optional<RunSize> with_tokens(double n_params, const std::optional<double>& n_tokens) {
  return n_tokens ? std::optional(RunSize{n_params, *n_tokens}) : std::nullopt;
}

std::optional<RunSize> with_params(const std::optional<double>& n_params, double n_tokens) {
  return n_params ? std::optional(RunSize{*n_params, n_tokens}) : std::nullopt;
}

std::optional<RunSize> partner_for_loss(const ScalingLaw& law, const RunConstraints& c) {
  if (c.n_params) return with_tokens(*c.n_params, tokens_for_loss(law, *c.n_params, *c.loss));
  return with_params(params_for_loss(law, *c.n_tokens, *c.loss), *c.n_tokens);
}

std::optional<RunSize> best_run(const ScalingLaw& law, const RunConstraints& c) {
  if (c.loss) return run_for_loss(law, *c.loss);
  if (c.n_params) return RunSize{*c.n_params, best_tokens_for_params(law, *c.n_params)};
  if (c.n_tokens) return RunSize{best_params_for_tokens(law, *c.n_tokens), *c.n_tokens};
  const Optimum best = optimum(law, *c.compute_flops);
  return RunSize{best.n_params, best.n_tokens};
}

std::optional<RunSize> run_of(const ScalingLaw& law, const RunConstraints& c) {
  switch (question_of(c)) {
    case Question::best_run:
      return best_run(law, c);
    case Question::given_run:
      return given_run(c);
    case Question::partner_of_one:
      return partner_for_loss(law, c);
  }
  return std::nullopt;
}

std::optional<std::string> beyond_usable(const ScalingLaw& law, double compute_flops) {
  if (law.usable_compute_flops.contains(compute_flops)) return std::nullopt;
  return fmt::format("and beyond its usable {} to {}: nobody has checked it there",
                     format_scientific(law.usable_compute_flops.low),
                     format_scientific(law.usable_compute_flops.high));
}

std::vector<std::string> warnings_of(const ScalingLaw& law, double compute_flops) {
  const std::optional<std::string> outside = outside_fitted_range(law, compute_flops);
  if (!outside) return {};
  const std::optional<std::string> beyond = beyond_usable(law, compute_flops);
  return {beyond ? *outside + ", " + *beyond : *outside};
}

std::vector<std::string> warnings_of(const AllocationRule& rule, double compute_flops) {
  std::vector<std::string> warnings;
  if (!rule.fitted_compute_flops.contains(compute_flops))
    warnings.push_back(fmt::format("compute = {} is outside the {} to {} that {} was fitted to",
                                   format_scientific(compute_flops),
                                   format_scientific(rule.fitted_compute_flops.low),
                                   format_scientific(rule.fitted_compute_flops.high), rule.name));
  if (rule.caution) warnings.push_back(fmt::format("{}: {}", rule.name, *rule.caution));
  return warnings;
}

}  // namespace

Question question_of(const RunConstraints& c) {
  const int given = count_given(c);
  if (given == 3)
    throw ConfigError(
        "--compute, --params and --tokens are all given (any two fix the third); leave one out");
  if (!c.loss) {
    if (given == 0)
      throw ConfigError(
          "nothing to answer; give --compute, --dollars, --gpu-hours, --hours, --loss, --params or "
          "--tokens");
    return given == 1 ? Question::best_run : Question::given_run;
  }
  if (given == 0) return Question::best_run;
  if (given == 1 && !c.compute_flops) return Question::partner_of_one;
  throw ConfigError(
      "--loss goes alone, with --params or with --tokens (compute follows from it); leave the "
      "other options out");
}

std::optional<LawAnswer> ask_law(const ScalingLaw& law, const RunConstraints& constraints,
                                 const ScalingLaw& reference) {
  const std::optional<RunSize> run = run_of(law, constraints);
  if (!run) return std::nullopt;
  LawAnswer answer;
  answer.name = law.name;
  answer.title = law.title;
  answer.counted_params = law.counted_params;
  answer.run = *run;
  const double compute = run->compute_flops();
  if (question_of(constraints) == Question::best_run) {
    if (constraints.compute_flops) answer.params_95 = optimal_params_interval_95(law, compute);
  } else {
    answer.best_params = optimum(law, compute).n_params;
  }
  answer.loss = loss(law, run->n_params, run->n_tokens);
  answer.loss_95 = loss_interval_95(law, run->n_params, run->n_tokens);
  const ScalingLaw& surface = question_of(constraints) == Question::best_run ? reference : law;
  answer.wasted_compute = wasted_compute(surface, run->n_params, run->n_tokens);
  answer.warnings = warnings_of(law, compute);
  return answer;
}

std::optional<LawAnswer> ask_rule(const AllocationRule& rule, const RunConstraints& constraints,
                                  const ScalingLaw& reference) {
  if (!constraints.compute_flops || question_of(constraints) != Question::best_run)
    return std::nullopt;
  const double compute = *constraints.compute_flops;
  const BudgetSplit split = split_budget(rule, compute);
  LawAnswer answer;
  answer.name = rule.name;
  answer.title = rule.title;
  answer.counted_params = rule.counted_params;
  answer.run = {split.n_params, split.n_tokens};
  answer.wasted_compute = wasted_compute(reference, split.n_params, split.n_tokens);
  if (rule.batch_tokens) answer.batch_tokens = rule.batch_tokens->at(compute);
  if (rule.learning_rate) answer.learning_rate = rule.learning_rate->at(compute);
  answer.warnings = warnings_of(rule, compute);
  return answer;
}

std::string why_unreachable(const ScalingLaw& law, const RunConstraints& c) {
  if (*c.loss <= irreducible_loss(law))
    return fmt::format("no run gets to a loss of {:.4g}: {} has an irreducible {:.4g}", *c.loss,
                       law.title, irreducible_loss(law));
  if (c.n_params)
    return fmt::format("by {} {} parameters stay above a loss of {:.4g} on any number of tokens",
                       law.title, format_count(*c.n_params), *c.loss);
  return fmt::format("by {} no model gets to a loss of {:.4g} on {} tokens", law.title, *c.loss,
                     format_count(*c.n_tokens));
}

}  // namespace isoflop
