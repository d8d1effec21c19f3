// SPDX-License-Identifier: MIT
#include "planner/candidate_builder.hpp"

#include "core/base/round_up.hpp"
#include "core/model/flops.hpp"
#include "core/model/muon_matrices.hpp"
#include "core/model/param_count.hpp"
#include "core/parallel/checkpoint_size.hpp"
#include "core/parallel/muon_owners.hpp"
#include "core/plan/optimizer_config.hpp"
#include "core/scaling/inverse.hpp"
#include "planner/candidate_search.hpp"
#include "planner/critical_batch.hpp"
#include "planner/hyper_parameters.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

constexpr int64_t kEvaluations = 10;
constexpr int64_t kEvalSequences = 64;
/// Most that sbatch --signal takes.
constexpr double kLongestSignalLead_s = 65535;
/// More tokens than anybody has.
constexpr double kMostTokens = 1e18;

/// fp8 is the rate of matrix products; in memory it is planned as bf16, which weights, gradients
/// and activations of published fp8 runs mostly stay in (DeepSeek-V3, arXiv:2412.19437,
/// section 3.3).
MachineModel machine_for(const Partition& partition, const JobSize& job, Precision precision,
                         const Calibration& calibration) {
  MachineModel machine = make_machine_model(partition, job, precision, calibration);
  if (precision == Precision::fp8) machine.precision = Precision::bf16;
  return machine;
}

/// Whether losses of the law's tokenizer are comparable with the text's: asked of a point in the
/// middle of the runs that the law was fitted to.
bool law_applies_to(const ScalingLaw& law, const TrainingText& text) {
  const auto middle = [](const Range& range) { return std::sqrt(range.low * range.high); };
  TrainingPoint point;
  point.n_params = point.n_params_non_embedding = middle(law.fitted_params);
  point.n_tokens = middle(law.fitted_compute_flops) / (6 * point.n_params);
  point.tokenizer = text.tokenizer;
  point.vocab_size = text.vocab_size;
  return std::holds_alternative<LossPrediction>(predict_loss(law, point));
}

TimeLimits time_limits(const Goals& goals, const Partition& partition) {
  TimeLimits limits;
  limits.hours = goals.hours;
  if (goals.device_hours) {
    limits.device_hours = goals.device_hours;
    limits.device_hours_of = "--gpu-hours";
  }
  if (goals.money && partition.price_per_gpu_hour) {
    const double affordable = *goals.money / *partition.price_per_gpu_hour;
    if (!limits.device_hours || affordable < *limits.device_hours) {
      limits.device_hours = affordable;
      limits.device_hours_of = "--dollars";
    }
  }
  return limits;
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

EvalPlan plan_evaluation(const JobContext& context, const LayoutCandidate& layout) {
  EvalPlan eval;
  eval.sequences = eval_sequences(context);
  const int64_t per_pass = layout.layout.world_size() * layout.layout.micro_batch_size;
  const int64_t passes = (eval.sequences + per_pass - 1) / per_pass;
  eval.evaluations = eval.sequences > 0 ? kEvaluations : 0;
  eval.seconds = static_cast<double>(eval.evaluations * passes) * layout.step_time.forward_s;
  return eval;
}

/// The law's loss after D tokens; absent for less compute than the law is good for. Beyond the
/// other end designs are compared all the same, and the loss is not printed.
std::optional<double> surface_loss(const PlanRequest& request, const Candidate& candidate,
                                   const TokenCount& tokens) {
  const ScalingLaw& law = request.law;
  TrainingPoint point;
  point.n_params = candidate.n_params;
  point.n_params_non_embedding = static_cast<double>(count_params(candidate.shape).non_embedding());
  const double counted = counted_params(law, point);
  const double compute = 6 * counted * static_cast<double>(tokens.read);
  if (compute < law.usable_compute_flops.low) return std::nullopt;
  return loss(law, worth_of_params(request, counted, tokens), tokens.effective);
}

double batch_of(const JobContext& context, const Candidate& candidate) {
  return static_cast<double>(candidate.layout.tokens_per_step(context.seq_len));
}

bool reaches_loss(const JobContext& context, const Candidate& candidate, double n_tokens) {
  const TokenCount tokens =
      count_tokens(context.request, candidate.n_params, batch_of(context, candidate), n_tokens);
  const std::optional<double> reached = surface_loss(context.request, candidate, tokens);
  return context.law_applies && reached && *reached <= *context.request.goals.loss;
}

/// The fewest tokens that reach the wanted loss; absent when none do.
std::optional<double> tokens_for_loss(const JobContext& context, const Candidate& candidate) {
  if (!reaches_loss(context, candidate, kMostTokens)) return std::nullopt;
  double low = 0;
  double high = std::log(kMostTokens);
  while (high - low > 1e-6) {
    const double middle = (low + high) / 2;
    (reaches_loss(context, candidate, std::exp(middle)) ? high : low) = middle;
  }
  return std::exp(high);
}

/// Tokens that the goals want: exactly (aim) or at most (the data's epochs).
struct WantedTokens {
  std::optional<double> aim;
  bool out_of_reach = false;  ///< no number of tokens reaches the loss
  std::optional<double> most;
};

WantedTokens wanted_tokens(const JobContext& context, const Candidate& candidate) {
  const Goals& goals = context.request.goals;
  WantedTokens wanted;
  if (goals.tokens) wanted.aim = goals.tokens;
  if (goals.compute) wanted.aim = *goals.compute / (6 * candidate.n_params);
  if (goals.loss && wanted.aim) {
    wanted.out_of_reach = !reaches_loss(context, candidate, *wanted.aim);
  } else if (goals.loss) {
    wanted.aim = tokens_for_loss(context, candidate);
    wanted.out_of_reach = !wanted.aim;
  }
  if (const auto unique = context.request.text.unique_tokens(); unique && goals.max_epochs)
    wanted.most = *goals.max_epochs * *unique;
  return wanted;
}

/// Newton-Schulz iterations of one step, shared by the ranks, at the rate that the step's own
/// products reach. What gathering matrices at their owners takes is not counted.
double muon_s(const StepTime& step, const ModelShape& shape, const Layout& layout,
              int64_t seq_len) {
  const int64_t iterations = OptimizerConfig{}.iterations;
  double flops = 0;
  for (const MuonMatrix& matrix : muon_matrices(shape))
    flops += static_cast<double>(iterations) * newton_schulz_flops(matrix.rows, matrix.cols);
  const double step_flops = train_flops_per_token(shape, seq_len, AttentionFlops::causal) *
                            static_cast<double>(layout.global_batch_size() * seq_len);
  return (step.matmul_s + step.attention_s + step.head_s) * flops / step_flops;
}

/// To write one of this model.
double checkpoint_s(const JobContext& context, const ModelShape& shape) {
  const double bytes_per_s =
      context.request.cluster.reliability.checkpoint_gb_per_s_per_node * 1e9 * context.job.nodes;
  return static_cast<double>(checkpoint_bytes(shape, context.request.optimizer)) / bytes_per_s;
}

/// What the trainer may need from its signal to its end: the step that is computed, the one behind
/// it or an evaluation, the checkpoint that is being written and the last one.
double signal_lead_s(const JobContext& context, const Candidate& candidate) {
  const double step_s = candidate.layout.step_time.total();
  const double evaluation_s =
      candidate.eval.evaluations > 0
          ? candidate.eval.seconds / static_cast<double>(candidate.eval.evaluations)
          : 0;
  return std::min(kLongestSignalLead_s,
                  std::ceil(context.partition.job.stop_margin_s + 2 * step_s + evaluation_s +
                            2 * checkpoint_s(context, candidate.shape)));
}

/// The rules with the times of this model.
TimeRules rules_for(const JobContext& context, const Candidate& candidate) {
  TimeRules rules = context.budget.rules;
  if (rules.checkpoint_s) rules.checkpoint_s = checkpoint_s(context, candidate.shape);
  rules.signal_lead_s = signal_lead_s(context, candidate);
  return rules;
}

int64_t fitting_steps(const Candidate& candidate) {
  const double steps_s = candidate.budget.split.train_s - candidate.eval.seconds;
  return static_cast<int64_t>(std::max(0.0, steps_s) / candidate.layout.step_time.total());
}

/// What `steps` take with their evaluations.
double training_s(const Candidate& candidate, double steps) {
  return steps * candidate.layout.step_time.total() + candidate.eval.seconds;
}

/// Steps and, where they need not fill it, the time.
std::optional<Miss> set_steps(const JobContext& context, Candidate& candidate) {
  const double batch = batch_of(context, candidate);
  const WantedTokens wanted = wanted_tokens(context, candidate);
  if (wanted.out_of_reach) return Miss{Miss::Cause::aim, std::nullopt};
  const auto fitting = static_cast<double>(fitting_steps(candidate));
  double steps = fitting;
  if (wanted.most) steps = std::min(steps, std::floor(*wanted.most / batch));
  if (wanted.aim) {
    const double aim = std::max(1.0, std::ceil(*wanted.aim / batch - 1e-9));
    if (wanted.most && aim > std::floor(*wanted.most / batch))
      return Miss{Miss::Cause::aim, std::nullopt};
    if (aim > fitting)
      return Miss{Miss::Cause::aim, elapsed_for(training_s(candidate, aim), candidate.budget.rules,
                                                kMostHours * 3600)};
    steps = aim;
  }
  if (steps < kFewestSteps) return Miss{};
  candidate.steps = static_cast<int64_t>(steps);
  if (steps == fitting) return std::nullopt;
  const auto needed =
      elapsed_for(training_s(candidate, steps), candidate.budget.rules, candidate.budget.wall_s);
  candidate.budget = shortened(candidate.budget, std::ceil(needed.value()));
  return std::nullopt;
}

/// Tokens and loss of the steps.
void count_work(const PlanRequest& request, bool law_applies, double batch, Candidate& candidate) {
  candidate.eval.interval =
      std::max<int64_t>(1, (candidate.steps + kEvaluations - 1) / kEvaluations);
  candidate.tokens = count_tokens(request, candidate.n_params, batch,
                                  static_cast<double>(candidate.steps) * batch);
  candidate.surface_loss =
      law_applies ? surface_loss(request, candidate, candidate.tokens) : std::optional<double>();
}

}  // namespace

JobContext make_job_context(const PlanRequest& request, const Partition& partition,
                            const JobSize& job, const Calibration& calibration) {
  TimeRules rules = make_time_rules(partition, request.cluster.reliability, job, calibration);
  if (partition.job.chain != ChainMode::none) rules.checkpoint_s = 0;  // of a model yet unknown
  const Precision precision = choose_precision(partition.device, request.precision);
  MachineModel machine = machine_for(partition, job, precision, calibration);
  if (const SiteCalibration* const site = request.site_of(partition)) {
    machine.correction = site->speed;
  }
  return {.request = request,
          .partition = partition,
          .job = job,
          .budget = make_budget(time_limits(request.goals, partition), partition,
                                request.cluster.allocation, job, rules),
          .machine = std::move(machine),
          .capacity = memory_capacity(partition, calibration),
          .seq_len = choose_seq_len(partition.device, request.seq_len),
          .law_applies = law_applies_to(request.law, request.text)};
}

StepTime with_optimizer(const StepTime& step, const ModelShape& shape, const Layout& layout,
                        const JobContext& context) {
  StepTime whole = step;
  if (context.request.optimizer == OptimizerKind::muon)
    whole.optimizer_s += muon_s(step, shape, layout, context.seq_len);
  return whole;
}

TokenCount count_tokens(const PlanRequest& request, double n_params, double batch,
                        double n_tokens) {
  TokenCount tokens;
  tokens.read = static_cast<int64_t>(n_tokens);
  tokens.effective = n_tokens;
  if (const auto unique = request.text.unique_tokens()) {
    tokens.epochs = n_tokens / *unique;
    if (tokens.epochs > 1 && request.repeated_data)
      tokens.effective = effective_tokens(*request.repeated_data, *unique, tokens.epochs);
  }
  tokens.critical_batch = critical_batch_tokens(n_tokens);
  tokens.batch_worth = token_worth(batch, batch_tokens(6 * n_params * n_tokens), n_tokens);
  tokens.effective *= tokens.batch_worth;
  return tokens;
}

double worth_of_params(const PlanRequest& request, double counted, const TokenCount& tokens) {
  const auto unique = request.text.unique_tokens();
  if (!unique || tokens.epochs <= 1 || !request.repeated_data) return counted;
  const double needed = best_params_for_tokens(request.law, *unique);
  return effective_params(*request.repeated_data, needed, counted);
}

std::variant<Candidate, Miss> build_candidate(const JobContext& context, const ModelShape& shape,
                                              const LayoutCandidate& layout) {
  Candidate candidate;
  candidate.partition = &context.partition;
  candidate.job = context.job;
  candidate.shape = shape;
  candidate.n_params = static_cast<double>(count_params(shape).total());
  candidate.layout = layout;
  candidate.capacity = context.capacity;
  candidate.eval = plan_evaluation(context, layout);
  candidate.layout.step_time = with_optimizer(layout.step_time, shape, layout.layout, context);
  candidate.budget = context.budget;
  candidate.budget.rules = rules_for(context, candidate);
  candidate.budget = shortened(candidate.budget, context.budget.wall_s);
  if (const auto miss = set_steps(context, candidate)) return *miss;
  const double batch = batch_of(context, candidate);
  count_work(context.request, context.law_applies, batch, candidate);
  const bool too_large = batch > kLargestBatch * candidate.tokens.critical_batch;
  if (too_large && candidate.layout.layout.world_size() > 1) return Miss{Miss::Cause::batch, {}};
  return candidate;
}

std::optional<Candidate> with_less_time(const Candidate& candidate, const PlanRequest& request,
                                        double fraction) {
  Candidate shorter = candidate;
  shorter.budget = shortened(candidate.budget, std::floor(fraction * candidate.budget.wall_s));
  shorter.steps = fitting_steps(shorter);
  if (shorter.steps < kFewestSteps || shorter.steps > candidate.steps) return std::nullopt;
  const double batch = candidate.n_tokens() / static_cast<double>(candidate.steps);
  count_work(request, candidate.surface_loss.has_value(), batch, shorter);
  return shorter;
}

}  // namespace isoflop
