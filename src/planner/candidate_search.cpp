// SPDX-License-Identifier: MIT
#include "planner/candidate_search.hpp"

#include "core/base/error.hpp"
#include "core/base/round_up.hpp"
#include "core/model/param_count.hpp"
#include "planner/hyper_parameters.hpp"
#include "planner/shape_search.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

/// Fewer steps than this are no training.
constexpr int64_t kFewestSteps = 20;
constexpr int64_t kEvaluations = 10;
constexpr int64_t kEvalSequences = 64;
/// Tokens per parameter that the search covers; the optimum of every law in data/ lies inside.
constexpr double kFewestTokensPerParam = 1;
constexpr double kMostTokensPerParam = 2000;
/// Only to size batch and search range before anything is timed.
constexpr double kGuessedMfu = 0.4;

/// What all candidates of one job share.
struct JobContext {
  const PlanRequest& request;
  const Partition& partition;
  JobSize job;
  Budget budget;
  MachineModel machine;
  MemoryCapacity capacity;
  int64_t seq_len;
};

double guessed_compute(const JobContext& context) {
  constexpr int64_t kGuessedWidth = 256;
  const double mfu = context.machine.measured_efficiency.at(kGuessedWidth).value_or(kGuessedMfu);
  return mfu * context.machine.peak_flops * context.job.devices() * context.budget.train_s;
}

std::vector<ModelShape> shapes_for(const JobContext& context, double compute) {
  return candidate_shapes({.device = context.partition.device.kind,
                           .vocab_size = context.request.text.vocab_size,
                           .seq_len = context.seq_len,
                           .min_params = std::sqrt(compute / 6 / kMostTokensPerParam),
                           .max_params = std::sqrt(compute / 6 / kFewestTokensPerParam)});
}

/// Sequences of one evaluation: enough to give every rank some, no more than the data has.
int64_t eval_sequences(const JobContext& context) {
  const int64_t ranks = context.job.devices();
  int64_t sequences = round_up(std::max(kEvalSequences, 2 * ranks), ranks);
  if (context.request.text.val_tokens) {
    const int64_t available = (*context.request.text.val_tokens - 1) / context.seq_len;
    sequences = std::clamp<int64_t>(available, 0, sequences);
  }
  return sequences;
}

/// Fills in steps and evaluations so that both fit into the time for training.
void spend_time(Candidate& candidate, const JobContext& context) {
  const Layout& layout = candidate.layout.layout;
  candidate.eval.sequences = eval_sequences(context);
  const int64_t per_pass = layout.world_size() * layout.micro_batch_size;
  const int64_t passes = (candidate.eval.sequences + per_pass - 1) / per_pass;
  const double eval_s = static_cast<double>(passes) * candidate.layout.step_time.forward_s;
  candidate.eval.evaluations = candidate.eval.sequences > 0 ? kEvaluations : 0;
  candidate.eval.seconds = static_cast<double>(candidate.eval.evaluations) * eval_s;
  const double steps_s = context.budget.train_s - candidate.eval.seconds;
  candidate.steps =
      static_cast<int64_t>(std::floor(std::max(0.0, steps_s) / candidate.layout.step_time.total()));
  candidate.eval.interval =
      std::max<int64_t>(1, (candidate.steps + kEvaluations - 1) / kEvaluations);
  candidate.n_tokens = candidate.steps * candidate.layout.tokens_per_step(context.seq_len);
}

LossOutlook predict(const Candidate& candidate, const PlanRequest& request) {
  const ParamCount params = count_params(candidate.shape);
  TrainingPoint point;
  point.n_params = candidate.n_params;
  point.n_params_non_embedding = static_cast<double>(params.non_embedding());
  point.n_tokens = static_cast<double>(candidate.n_tokens);
  point.tokenizer = request.text.tokenizer;
  point.vocab_size = request.text.vocab_size;
  if (request.text.known() && request.repeated_data) {
    const auto unique = static_cast<double>(*request.text.train_tokens);
    const double epochs = point.n_tokens / unique;
    if (epochs > 1)
      point.effective_tokens = effective_tokens(*request.repeated_data, unique, epochs);
  }
  return predict_loss(request.law, point);
}

Candidate make_candidate(const JobContext& context, const ModelShape& shape,
                         const LayoutCandidate& layout) {
  Candidate candidate{.partition = &context.partition,
                      .job = context.job,
                      .budget = context.budget,
                      .shape = shape,
                      .n_params = static_cast<double>(count_params(shape).total()),
                      .layout = layout,
                      .capacity = context.capacity,
                      .eval = {},
                      .loss = NoPrediction{}};
  spend_time(candidate, context);
  if (candidate.steps > 0) candidate.loss = predict(candidate, context.request);
  return candidate;
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

bool has_loss(const Candidate& candidate) {
  return std::holds_alternative<LossPrediction>(candidate.loss);
}

double predicted_loss(const Candidate& candidate) {
  return std::get<LossPrediction>(candidate.loss).loss;
}

/// The least loss; the rule where the law says nothing about the candidate that the rule picks.
const Candidate& best_of_shapes(const std::vector<Candidate>& candidates) {
  const Candidate* best = &best_by_rule(candidates);
  if (!has_loss(*best)) return *best;
  for (const Candidate& candidate : candidates) {
    if (has_loss(candidate) && predicted_loss(candidate) < predicted_loss(*best)) best = &candidate;
  }
  return *best;
}

Shortfall shortfall(const JobContext& context, Shortfall::Cause cause) {
  return {.cause = cause,
          .partition = &context.partition,
          .job = context.job,
          .budget = context.budget,
          .shape = {},
          .nearest = std::nullopt,
          .capacity = context.capacity};
}

/// Keeps the shape whose smallest layout comes nearest to fitting.
void keep_nearest(Shortfall& failure, const ModelShape& shape, const LayoutChoice& choice) {
  if (!choice.nearest) return;
  const bool nearer =
      !failure.nearest || choice.nearest->memory.total() < failure.nearest->memory.total();
  if (!nearer) return;
  failure.cause = Shortfall::Cause::memory;
  failure.shape = shape;
  failure.nearest = choice.nearest;
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
  const Precision precision = choose_precision(partition.device, request.precision);
  const JobContext context{
      .request = request,
      .partition = partition,
      .job = job,
      .budget = make_budget(request.hours, partition, request.cluster.allocation, job, calibration),
      .machine = make_machine_model(partition, job, precision, calibration),
      .capacity = memory_capacity(partition, calibration),
      .seq_len = choose_seq_len(partition.device, request.seq_len)};
  Shortfall failure = shortfall(context, Shortfall::Cause::time);
  if (context.budget.train_s <= 0) return failure;

  const double compute = guessed_compute(context);
  const LayoutRequest layout_request{context.seq_len, batch_tokens(compute)};
  if (candidate_layouts(layout_request, job.devices()).empty()) {
    return shortfall(context, Shortfall::Cause::batch);
  }
  std::vector<Candidate> candidates;
  for (const ModelShape& shape : shapes_for(context, compute)) {
    const LayoutChoice choice =
        find_layout(shape, layout_request, context.machine, context.capacity);
    if (!choice.best) {
      keep_nearest(failure, shape, choice);
      continue;
    }
    Candidate candidate = make_candidate(context, shape, *choice.best);
    if (candidate.steps >= kFewestSteps) candidates.push_back(std::move(candidate));
  }
  if (candidates.empty()) return failure;
  return best_of_shapes(candidates);
}

const Candidate& best_of_jobs(const std::vector<Candidate>& candidates) {
  const bool all_predicted = std::all_of(candidates.begin(), candidates.end(), has_loss);
  const auto better = [all_predicted](const Candidate& a, const Candidate& b) {
    return all_predicted ? predicted_loss(a) < predicted_loss(b) : a.compute() > b.compute();
  };
  return *std::min_element(candidates.begin(), candidates.end(), better);
}

}  // namespace isoflop
