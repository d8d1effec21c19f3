// SPDX-License-Identifier: MIT
#include "planner/pilot/intervals.hpp"

#include "core/scaling/covariance.hpp"
#include "planner/candidate_builder.hpp"
#include "planner/candidate_search.hpp"
#include "planner/plan.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

/// Without evaluations, which are of fixed length.
double seconds_for_steps(const Candidate& choice) {
  return choice.budget.split.train_s - choice.eval.seconds;
}

double batch_of(const Candidate& choice) {
  return choice.n_tokens() / static_cast<double>(choice.steps);
}

/// Whether more time would train more tokens: neither the goals nor the data say when to end.
bool is_limited_by_time(const Candidate& choice, const PlanRequest& request) {
  const Goals& goals = request.goals;
  if (goals.fix_length()) return false;
  const auto unique = request.text.unique_tokens();
  const bool all_read = unique && goals.max_epochs &&
                        choice.n_tokens() + batch_of(choice) > *goals.max_epochs * *unique;
  return !all_read;
}

double tokens_in_time(const Candidate& choice, double step_s) {
  return std::max(1.0, std::floor(seconds_for_steps(choice) / step_s)) * batch_of(choice);
}

/// The law's loss of the same model after other tokens.
std::optional<double> loss_after(const Candidate& choice, double n_tokens,
                                 const PlanRequest& request) {
  Candidate other = choice;
  other.tokens = count_tokens(request, choice.n_params, batch_of(choice), n_tokens);
  predict_loss_of(other, request);
  const auto* const prediction = std::get_if<LossPrediction>(&other.loss);
  return prediction == nullptr ? std::nullopt : std::optional(prediction->loss);
}

/// Both sides of the one and the other in quadrature about `centre`.
Range in_quadrature(double centre, const Range& a, const Range& b) {
  return {centre - std::hypot(centre - a.low, centre - b.low),
          centre + std::hypot(a.high - centre, b.high - centre)};
}

void add_loss(PlanIntervals& intervals, const Candidate& choice, const PlanRequest& request) {
  const auto* const prediction = std::get_if<LossPrediction>(&choice.loss);
  if (prediction == nullptr) return;
  intervals.loss_by_law = prediction->interval_95;
  intervals.loss = intervals.loss_by_law;
  if (!intervals.tokens) return;
  const auto least = loss_after(choice, intervals.tokens->high, request);
  const auto most = loss_after(choice, intervals.tokens->low, request);
  if (!least || !most) return;
  intervals.loss_by_speed = Range{*least, *most};
  intervals.loss = intervals.loss_by_law ? in_quadrature(prediction->loss, *intervals.loss_by_law,
                                                         *intervals.loss_by_speed)
                                         : *intervals.loss_by_speed;
}

}  // namespace

PlanIntervals plan_intervals(const Candidate& choice, double mfu_causal,
                             const PlanRequest& request) {
  PlanIntervals intervals;
  const CalibrationSection constants = constants_for(*choice.partition, request);
  const CalibrationConstant& spread = constant_of(constants, "step_time_spread");
  intervals.calibrated = !spread.fitted_on.empty();
  intervals.basis = intervals.calibrated ? spread.fitted_on : spread.origin;
  intervals.spread = spread.value.otherwise;
  const double step_s = choice.layout.step_time.total();
  const double factor = std::exp(kNormal95 * intervals.spread);
  intervals.step_s = {step_s / factor, step_s * factor};
  intervals.mfu_causal = {mfu_causal / factor,
                          std::min(std::max(1.0, mfu_causal), mfu_causal * factor)};
  const TimeSplit& split = choice.budget.split;
  const double fixed_s = split.elapsed_s - split.train_s - split.margin_s + choice.eval.seconds;
  intervals.wall_s = {fixed_s + choice.steps_s() / factor, fixed_s + choice.steps_s() * factor};
  if (is_limited_by_time(choice, request))
    intervals.tokens = Range{tokens_in_time(choice, intervals.step_s.high),
                             tokens_in_time(choice, intervals.step_s.low)};
  add_loss(intervals, choice, request);
  return intervals;
}

}  // namespace isoflop
