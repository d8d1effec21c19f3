// SPDX-License-Identifier: MIT
#include "planner/candidate_search.hpp"

#include "core/base/error.hpp"
#include "core/model/param_count.hpp"
#include "core/scaling/inverse.hpp"
#include "planner/candidate_builder.hpp"
#include "planner/critical_batch.hpp"
#include "planner/hyper_parameters.hpp"
#include "planner/shape_search.hpp"
#include "planner/what_if/what_if_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace isoflop {

namespace {

/// Tokens per parameter that the search covers; the optimum of every law in data/ lies inside.
constexpr double kFewestTokensPerParam = 1;
constexpr double kMostTokensPerParam = 2000;
/// Only to size batch and search range before anything is timed.
constexpr double kGuessedMfu = 0.4;

/// About the compute that the goals allow or want.
double guessed_compute(const JobContext& context) {
  constexpr int64_t kGuessedWidth = 256;
  const double mfu = context.machine.measured_efficiency.at(kGuessedWidth).value_or(kGuessedMfu);
  double compute =
      mfu * context.machine.peak_flops * context.job.devices() * context.budget.split.train_s;
  const Goals& goals = context.request.goals;
  if (const auto run = goals.loss ? run_for_loss(context.request.law, *goals.loss) : std::nullopt)
    compute = std::min(compute, run->compute_flops());
  return goals.compute.value_or(compute);
}

/// The sizes worth trying. A wanted loss may be reached with more than the least compute.
Range params_range(const JobContext& context, double compute) {
  const Goals& goals = context.request.goals;
  const double most_compute = goals.loss && !goals.compute ? 10 * compute : compute;
  Range range = {std::sqrt(compute / 6 / kMostTokensPerParam),
                 std::sqrt(most_compute / 6 / kFewestTokensPerParam)};
  if (goals.tokens) {
    range = {*goals.tokens / kMostTokensPerParam, *goals.tokens / kFewestTokensPerParam};
    range.high = std::min(range.high, 2 * most_compute / (6 * *goals.tokens));
  }
  if (goals.max_params) range.high = std::min(range.high, *goals.max_params);
  if (range.low > range.high) range.low = range.high / 10;
  if (goals.n_params) {
    range = {(1 - kParamsTolerance) * *goals.n_params, (1 + kParamsTolerance) * *goals.n_params};
  }
  return range;
}

std::vector<ModelShape> shapes_for(const JobContext& context, double compute) {
  std::vector<ModelShape> shapes;
  if (context.request.goals.model) {
    shapes.push_back(*context.request.goals.model);
  } else {
    const Range range = params_range(context, compute);
    shapes = candidate_shapes({.device = context.partition.device.kind,
                               .vocab_size = context.request.text.vocab_size,
                               .seq_len = context.seq_len,
                               .min_params = range.low,
                               .max_params = range.high});
  }
  for (ModelShape& shape : shapes) {
    if (context.request.attention) shape.attention_backend = *context.request.attention;
  }
  std::stable_sort(shapes.begin(), shapes.end(), [](const ModelShape& a, const ModelShape& b) {
    return count_params(a).total() < count_params(b).total();
  });
  return shapes;
}

ExpectedReading expected_reading(const JobContext& context, double n_params, double compute) {
  const double n_tokens = context.request.goals.tokens.value_or(compute / (6 * n_params));
  return {n_tokens,
          std::min(batch_tokens(6 * n_params * n_tokens), critical_batch_tokens(n_tokens))};
}

/// Batches to try, in tokens: what published runs of that compute use but at most the critical
/// batch; where a rank gets few sequences of it, twice that; where it has fewer sequences than
/// ranks, one for each, up to the largest that is planned.
std::vector<double> batches_for(const JobContext& context, const ExpectedReading& reading) {
  const double critical = critical_batch_tokens(reading.n_tokens);
  const double usual = reading.usual_batch;
  const double one_each = static_cast<double>(context.job.devices() * context.seq_len);
  std::vector<double> batches;
  if (one_each <= kBatchTolerance * usual) batches.push_back(usual);
  const double twice = 2 * usual;
  if (context.law_applies && one_each <= twice && one_each * 16 > usual) batches.push_back(twice);
  if (batches.empty() && one_each <= kLargestBatch * critical) batches.push_back(one_each);
  return batches;
}

/// Tries shapes and batches of one job and keeps what came of it.
class JobSearch {
 public:
  explicit JobSearch(JobContext context) : context_(std::move(context)) {
    shortfall_.partition = &context_.partition;
    shortfall_.job = context_.job;
    shortfall_.budget = context_.budget;
    shortfall_.capacity = context_.capacity;
  }

  JobOutcome run() {
    if (context_.budget.split.train_s > 0) search();
    if (candidates_.empty()) return {{}, shortfall_};
    return {std::move(candidates_), std::nullopt};
  }

 private:
  void search();
  void try_shape(std::size_t index);
  void try_batch(MemoryModel& memory, double batch, const ExpectedReading& reading);
  void note_miss(const ModelShape& shape, const Miss& miss);
  void note_memory(const ModelShape& shape, const LayoutChoice& choice);
  std::size_t best_index() const;

  JobContext context_;
  double compute_ = 0;
  std::vector<ModelShape> shapes_;
  std::map<std::size_t, std::size_t> best_of_shape_;  ///< index of shapes_ -> of candidates_
  std::vector<bool> tried_;
  std::vector<Candidate> candidates_;
  Shortfall shortfall_;
};

/// Loss is smooth in N: every few sizes first, then all around the best.
void JobSearch::search() {
  constexpr std::size_t kFirstPass = 16;
  compute_ = guessed_compute(context_);
  shapes_ = shapes_for(context_, compute_);
  tried_.assign(shapes_.size(), false);
  if (shapes_.empty()) shortfall_.cause = Shortfall::Cause::shape;
  std::size_t stride = std::max<std::size_t>(1, shapes_.size() / kFirstPass);
  for (std::size_t i = 0; i < shapes_.size(); i += stride) try_shape(i);
  while (stride > 1 && !candidates_.empty()) {
    stride = std::max<std::size_t>(1, stride / 2);
    constexpr std::size_t kAround = 3;
    const std::size_t centre = best_index();
    for (std::size_t i = 0; i <= 2 * kAround; ++i) {
      const std::size_t index =
          centre + i * stride - std::min(centre + i * stride, kAround * stride);
      if (index < shapes_.size()) try_shape(index);
    }
  }
}

void JobSearch::try_shape(std::size_t index) {
  if (tried_[index]) return;
  tried_[index] = true;
  const ModelShape& shape = shapes_[index];
  const auto n_params = static_cast<double>(count_params(shape).total());
  const std::size_t before = candidates_.size();
  const ExpectedReading reading = expected_reading(context_, n_params, compute_);
  const std::vector<double> batches = batches_for(context_, reading);
  if (batches.empty() && candidates_.empty() && shortfall_.cause == Shortfall::Cause::time)
    shortfall_.cause = Shortfall::Cause::batch;
  MemoryModel memory =
      memory_model(shape, {.seq_len = context_.seq_len, .optimizer = context_.request.optimizer},
                   context_.machine);
  for (const double batch : batches) try_batch(memory, batch, reading);
  for (std::size_t i = before; i < candidates_.size(); ++i) best_of_shape_[i] = index;
}

void JobSearch::try_batch(MemoryModel& memory, double batch, const ExpectedReading& reading) {
  const ModelShape& shape = memory.shape();
  const auto find = context_.request.what_if ? find_what_if_layout : find_layout;
  const LayoutChoice choice =
      find(memory, {context_.seq_len, batch, context_.request.optimizer, reading}, context_.machine,
           context_.capacity);
  if (!choice.best) return note_memory(shape, choice);
  auto built = build_candidate(context_, shape, *choice.best);
  if (const auto* const miss = std::get_if<Miss>(&built)) return note_miss(shape, *miss);
  candidates_.push_back(std::get<Candidate>(std::move(built)));
}

void JobSearch::note_miss(const ModelShape& shape, const Miss& miss) {
  if (miss.cause == Miss::Cause::batch && shortfall_.cause == Shortfall::Cause::time)
    shortfall_.cause = Shortfall::Cause::batch;
  if (miss.cause != Miss::Cause::aim) return;
  const bool nearer =
      shortfall_.cause != Shortfall::Cause::aim ||
      (miss.needed_s && (!shortfall_.needed_s || *miss.needed_s < *shortfall_.needed_s));
  if (!nearer) return;
  shortfall_.cause = Shortfall::Cause::aim;
  shortfall_.shape = shape;
  shortfall_.needed_s = miss.needed_s;
}

/// Keeps the shape whose smallest layout comes nearest to fitting.
void JobSearch::note_memory(const ModelShape& shape, const LayoutChoice& choice) {
  if (!choice.nearest || shortfall_.cause == Shortfall::Cause::aim) return;
  const bool nearer =
      !shortfall_.nearest || choice.nearest->memory.total() < shortfall_.nearest->memory.total();
  if (!nearer) return;
  shortfall_.cause = Shortfall::Cause::memory;
  shortfall_.shape = shape;
  shortfall_.nearest = choice.nearest;
}

/// The index in shapes_ of the best so far.
std::size_t JobSearch::best_index() const {
  const Candidate& best = best_candidate(candidates_, context_.request.goals.chosen_objective());
  return best_of_shape_.at(static_cast<std::size_t>(&best - candidates_.data()));
}

double rule_distance(const Candidate& candidate) {
  return std::abs(std::log(candidate.tokens_per_param() / kTokensPerParamRule));
}

/// Nearest the rule; among candidates about as near, the one that does most work.
const Candidate& best_by_rule(const std::vector<Candidate>& candidates) {
  constexpr double kAboutAsNear = 0.1;  // 10 % in D / N
  double nearest = rule_distance(candidates.front());
  for (const Candidate& candidate : candidates)
    nearest = std::min(nearest, rule_distance(candidate));
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (rule_distance(candidate) > nearest + kAboutAsNear) continue;
    if (best == nullptr || candidate.compute() > best->compute()) best = &candidate;
  }
  return *best;
}

/// What the objective compares; less is better. Equal losses: the fewer device hours.
std::pair<double, double> price(const Candidate& candidate, Objective objective) {
  constexpr double kNoLoss = 1e300;  // after all that have one
  const double by_loss = candidate.surface_loss.value_or(kNoLoss);
  if (objective == Objective::time) return {candidate.budget.wall_s, candidate.device_hours()};
  if (objective == Objective::cost)
    return {candidate.cost().value_or(candidate.device_hours()), candidate.budget.wall_s};
  return {by_loss, candidate.device_hours()};
}

const Candidate& cheapest(const std::vector<Candidate>& candidates, Objective objective) {
  return *std::min_element(candidates.begin(), candidates.end(),
                           [objective](const Candidate& a, const Candidate& b) {
                             return price(a, objective) < price(b, objective);
                           });
}

}  // namespace

Precision choose_precision(const DeviceSpec& device, std::optional<Precision> asked) {
  if (asked) {
    device.require_peak_dense_tflops(*asked);
    return *asked;
  }
  if (device.kind == DeviceClass::cpu) return Precision::fp32;
  for (const Precision precision : {Precision::bf16, Precision::fp16}) {
    if (device.peak_dense_tflops(precision)) return precision;
  }
  return Precision::fp32;
}

int64_t choose_seq_len(const DeviceSpec& device, std::optional<int64_t> asked) {
  return asked.value_or(device.kind == DeviceClass::gpu ? 2048 : 256);
}

JobOutcome plan_job(const PlanRequest& request, const Partition& partition, const JobSize& job,
                    const Calibration& calibration) {
  return JobSearch(make_job_context(request, partition, job, calibration)).run();
}

const Candidate& best_candidate(const std::vector<Candidate>& candidates, Objective objective) {
  if (objective != Objective::loss) return cheapest(candidates, objective);
  const Candidate& by_rule = best_by_rule(candidates);
  return by_rule.surface_loss ? cheapest(candidates, objective) : by_rule;
}

const Candidate& best_of_jobs(const std::vector<Candidate>& candidates, Objective objective) {
  const bool any_loss = std::any_of(candidates.begin(), candidates.end(),
                                    [](const Candidate& c) { return c.surface_loss.has_value(); });
  if (objective != Objective::loss || any_loss) return cheapest(candidates, objective);
  return *std::max_element(
      candidates.begin(), candidates.end(),
      [](const Candidate& a, const Candidate& b) { return a.compute() < b.compute(); });
}

void predict_loss_of(Candidate& candidate, const PlanRequest& request) {
  TrainingPoint point;
  point.n_params = candidate.n_params;
  point.n_params_non_embedding = static_cast<double>(count_params(candidate.shape).non_embedding());
  point.n_tokens = candidate.n_tokens();
  point.effective_tokens = candidate.tokens.effective;
  point.tokenizer = request.text.tokenizer;
  point.vocab_size = request.text.vocab_size;
  point.effective_params =
      worth_of_params(request, counted_params(request.law, point), candidate.tokens);
  candidate.loss = predict_loss(request.law, point);
}

}  // namespace isoflop
