// SPDX-License-Identifier: MIT
#include "planner/plan.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "core/model/param_count.hpp"
#include "planner/candidate_builder.hpp"
#include "planner/candidate_search.hpp"
#include "planner/hyper_parameters.hpp"
#include "planner/nothing_fits.hpp"
#include "planner/trainer_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace isoflop {

namespace {

/// What a search of all partitions found.
struct Findings {
  std::vector<Candidate> winners;            ///< the best of each partition
  std::vector<Candidate> unbounded_winners;  ///< the same, likely to finish or not
  std::vector<Candidate> candidates;         ///< all
  std::vector<Shortfall> shortfalls;
};

/// Those likely to finish; all where none is, or the number of devices is given.
std::vector<Candidate> likely_ones(const std::vector<Candidate>& candidates,
                                   const PlanRequest& request) {
  if (request.n_devices) return candidates;
  std::vector<Candidate> likely;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(likely),
               [](const Candidate& candidate) { return candidate.likely_to_finish(); });
  return likely.empty() ? candidates : likely;
}

/// Adds the designs of one partition and, if there is any, the best of them.
void plan_partition(const PlanRequest& request, const Partition& partition, Findings& findings) {
  const Calibration calibration = constants_for(partition, request).values();
  const Objective objective = request.goals.chosen_objective();
  std::vector<Candidate> bests;
  for (const JobSize& job : job_sizes(partition, request.cluster.allocation, request.n_devices)) {
    JobOutcome outcome = plan_job(request, partition, job, calibration);
    if (outcome.shortfall) {
      findings.shortfalls.push_back(*outcome.shortfall);
      continue;
    }
    bests.push_back(best_candidate(likely_ones(outcome.candidates, request), objective));
    std::move(outcome.candidates.begin(), outcome.candidates.end(),
              std::back_inserter(findings.candidates));
  }
  if (bests.empty()) return;
  findings.winners.push_back(best_of_jobs(likely_ones(bests, request), objective));
  findings.unbounded_winners.push_back(best_of_jobs(bests, objective));
}

/// Whether the partition has the precision and the number of devices that were asked for.
bool suits(const Partition& partition, const PlanRequest& request) {
  const bool has_precision =
      !request.precision || partition.device.peak_dense_tflops(*request.precision);
  return has_precision && (!request.n_devices || has_job_size(partition, *request.n_devices));
}

/// Throws ConfigError for a partition whose price nobody stated.
void require_prices(const std::vector<const Partition*>& partitions) {
  for (const Partition* const partition : partitions) {
    if (partition->price_per_gpu_hour) continue;
    throw ConfigError(fmt::format(
        "--dollars needs a price (partition '{}' has none); give --price or price_per_gpu_hour in "
        "the cluster file",
        partition->name));
  }
}

/// Those that suit; where none does all of them, so that planning says what is wrong.
std::vector<const Partition*> suitable_partitions(const PlanRequest& request) {
  const auto all = candidate_partitions(request.cluster, request.partition);
  if (request.goals.money) require_prices(all);
  std::vector<const Partition*> suitable;
  std::copy_if(all.begin(), all.end(), std::back_inserter(suitable),
               [&](const Partition* partition) { return suits(*partition, request); });
  return suitable.empty() ? all : suitable;
}

/// Throws NothingFitsError when there is no design at all.
Findings search(const PlanRequest& request, const std::vector<const Partition*>& partitions) {
  Findings findings;
  for (const Partition* const partition : partitions) plan_partition(request, *partition, findings);
  if (findings.winners.empty())
    throw NothingFitsError(explain_nothing_fits(findings.shortfalls, request.goals));
  return findings;
}

/// Where time or cost is to be least and no loss is wanted, the loss of the best design, less what
/// is as good, is wanted. Compute alone asks how it is best split: then the best size is wanted
/// too, for one half as large is as good in that sense.
PlanRequest with_wanted_loss(const PlanRequest& request,
                             const std::vector<const Partition*>& partitions) {
  PlanRequest wanted = request;
  wanted.goals.objective = request.goals.chosen_objective();
  if (wanted.goals.objective == Objective::loss || wanted.goals.loss) return wanted;
  PlanRequest best = request;
  best.goals.objective = Objective::loss;
  const Candidate choice =
      best_of_jobs(likely_ones(search(best, partitions).winners, request), Objective::loss);
  if (choice.surface_loss) wanted.goals.loss = *choice.surface_loss * (1 + kNearBest);
  const bool split_compute = request.goals.compute && !request.goals.objective;
  if (split_compute && !request.goals.fix_size()) wanted.goals.n_params = choice.n_params;
  return wanted;
}

/// What a part of the time would give, unless the length of the training is given.
std::vector<Candidate> and_shorter(const std::vector<Candidate>& candidates,
                                   const PlanRequest& request) {
  std::vector<Candidate> all = candidates;
  if (request.goals.fix_length()) return all;
  for (const Candidate& candidate : candidates) {
    for (const double fraction : {0.9, 0.85, 0.75, 0.5, 0.25, 0.125}) {
      if (auto shorter = with_less_time(candidate, request, fraction))
        all.push_back(std::move(*shorter));
    }
  }
  return all;
}

void choose(Plan& plan, const Findings& findings, const PlanRequest& request) {
  plan.objective = request.goals.chosen_objective();
  plan.choice = best_of_jobs(likely_ones(findings.winners, request), plan.objective);
  const Candidate& unbounded = best_of_jobs(findings.unbounded_winners, plan.objective);
  if (!unbounded.likely_to_finish() && plan.choice.likely_to_finish()) plan.too_risky = unbounded;
  for (const Candidate& winner : findings.winners) {
    if (winner.partition != plan.choice.partition) plan.others.push_back(winner);
  }
  const std::vector<Candidate> all = and_shorter(findings.candidates, request);
  plan.designs = near_best_designs(plan.choice, likely_ones(all, request));
  plan.front = pareto_front(all);
  predict_loss_of(plan.choice, request);
  for (Candidate& other : plan.others) predict_loss_of(other, request);
}

double mfu_of(const Candidate& choice, Precision precision, int64_t seq_len,
              AttentionFlops convention) {
  const double tokens_per_s = static_cast<double>(choice.layout.tokens_per_step(seq_len)) /
                              choice.layout.step_time.total() / choice.job.devices();
  return mfu(train_flops_per_token(choice.shape, seq_len, convention), tokens_per_s,
             choice.partition->device.require_peak_dense_tflops(precision));
}

DeviceConfig device_config(const DeviceSpec& device, Precision precision) {
  return {.kind = device.kind == DeviceClass::gpu ? DeviceKind::cuda : DeviceKind::cpu,
          .name = device.name,
          .peak_tflops = device.peak_dense_tflops(precision),
          .peak_source = device.source};
}

Prediction make_prediction(const Plan& plan, const PlanRequest& request) {
  const Candidate& choice = plan.choice;
  const StepTime& step = choice.layout.step_time;
  Prediction prediction;
  prediction.cluster = request.cluster.name;
  prediction.step_s = step.total();
  prediction.mfu = plan.mfu_causal;
  prediction.memory_gib = static_cast<double>(choice.layout.memory.total()) / kGiB;
  prediction.wall_s = choice.budget.split.startup_s + choice.eval.seconds + choice.steps_s();
  if (const auto* const loss = std::get_if<LossPrediction>(&choice.loss)) {
    prediction.loss = loss->loss;
    prediction.loss_law = request.law.name;
  } else {
    prediction.loss_law = "no loss prediction: " + std::get<NoPrediction>(choice.loss).reason;
  }
  return prediction;
}

/// Rounded to three significant digits.
double rounded(double value) {
  const double unit = std::pow(10, 2 - std::floor(std::log10(value)));
  return std::round(value * unit) / unit;
}

/// Steps between progress lines, 1, 2 or 5 times a power of ten, for 40 to 100 lines in all.
int64_t log_interval(int64_t steps) {
  int64_t interval = 1;
  for (int64_t power = 1; power * 40 <= steps; power *= 10) {
    for (const int64_t factor : {1, 2, 5}) {
      if (factor * power * 40 <= steps) interval = factor * power;
    }
  }
  return interval;
}

TrainConfig make_config(const Plan& plan, const PlanRequest& request) {
  const Candidate& choice = plan.choice;
  TrainConfig config;
  config.run.name = request.name;
  config.run.log_interval = log_interval(choice.steps);
  config.model = choice.shape;
  config.data = {.path = request.text.path, .seq_len = plan.seq_len};
  config.layout = layout_config(choice.layout.layout);
  config.precision = plan.precision;
  config.optimizer.kind = request.optimizer;
  config.optimizer.lr = rounded(peak_learning_rate(choice.compute()));
  config.schedule.steps = choice.steps;
  config.schedule.warmup_steps = warmup_steps(choice.steps);
  config.eval = {.interval = choice.eval.interval, .sequences = choice.eval.sequences};
  config.device = device_config(choice.partition->device, plan.precision);
  if (const auto interval_s = choice.budget.split.checkpoint_interval_s)
    config.checkpoint.interval_minutes = rounded(*interval_s / 60);
  config.prediction = make_prediction(plan, request);
  return config;
}

void note_repetition(std::vector<std::string>& notes, const Candidate& choice,
                     const TrainingText& text) {
  if (!text.unique_tokens() || choice.tokens.epochs <= 1) return;
  notes.push_back(fmt::format(
      "D is {:.1f} times the {} training tokens{}: repeated tokens are worth less, little so up to "
      "about 4 times (Muennighoff et al. 2023, arXiv:2305.16264); these are worth {} new ones{}",
      choice.tokens.epochs, format_count(*text.unique_tokens()),
      text.known() ? " of " + text.path.string() : "",
      format_count(choice.tokens.effective / choice.tokens.batch_worth),
      choice.tokens.epochs > 4 ? "; data, not compute, limits this plan" : ""));
}

void note_experts(std::vector<std::string>& notes, const ModelShape& shape) {
  if (!shape.moe) return;
  notes.push_back(fmt::format(
      "loss and compute count all parameters as a dense model's, which the laws were fitted on; a "
      "token passes {} of them",
      format_count(count_params(shape).active())));
}

void note_text(std::vector<std::string>& notes, const Candidate& choice, const TrainingText& text) {
  if (!text.known()) {
    notes.push_back(fmt::format(
        "tokenize your text into {} (in the job's working folder) before the job starts, or plan "
        "with --data; assumed until then: {}, vocabulary {}",
        text.path.string(), text.tokenizer, format_grouped(text.vocab_size)));
    return;
  }
  if (choice.eval.sequences == 0) {
    notes.push_back("the validation split is shorter than one sequence: no validation loss");
  }
}

/// How far the trainer can run a plan for GPUs.
std::string gpu_note(const DeviceSpec& gpu, Precision precision) {
  if (!trainer_has_kernels(gpu))
    return fmt::format(
        "an estimate only: the trainer has kernels for A100, H100, H200 and B200, not for {} "
        "(compute capability {})",
        gpu.name, gpu.compute_capability);
  if (!trainer_computes_in(precision))
    return fmt::format("an estimate only: the trainer computes in bf16, fp16 or fp32, not {}",
                       to_string(precision));
  return "the trainer's GPU backend is tested on an emulated GPU and has not run on a real one "
         "yet: its pilot will be the first";
}

std::vector<std::string> make_notes(const Candidate& choice, const PlanRequest& request) {
  std::vector<std::string> notes;
  if (request.goals.hours && !choice.budget.cut_reason.empty() && !request.goals.fix_length()) {
    notes.push_back(fmt::format(
        "{} asked for, {} used: {}{}", format_duration(choice.budget.asked_s),
        format_duration(choice.budget.wall_s), choice.budget.cut_reason,
        choice.budget.rules.checkpoint_s ? "" : "; the cluster file's chain is none: one job"));
  }
  const TimeSplit& split = choice.budget.split;
  if (!choice.budget.rules.checkpoint_s && split.survival < 0.5) {
    notes.push_back(fmt::format(
        "an interruption ends the run, and {:.1f} are expected: it will probably not reach its "
        "end; fewer GPUs or hours are safer, or another chain than none in the cluster file",
        split.expected_failures));
  }
  const std::optional<int> max_jobs = request.cluster.allocation.max_jobs;
  if (max_jobs && split.jobs > *max_jobs && choice.partition->job.chain == ChainMode::array) {
    notes.push_back(fmt::format(
        "an array of at least {} jobs, one at a time; if the limit of {} counts waiting ones, "
        "write chain: requeue in the cluster file",
        split.jobs, *max_jobs));
  }
  if (choice.tokens.batch_worth < 0.95) {
    notes.push_back(fmt::format(
        "the batch is {:.1f} times the critical one of {} tokens: a token is worth {:.2f}, counted "
        "in "
        "the loss (McCandlish et al. 2018, arXiv:1812.06162); more GPUs help little",
        choice.n_tokens() / static_cast<double>(choice.steps) / choice.tokens.critical_batch,
        format_count(choice.tokens.critical_batch), choice.tokens.batch_worth));
  }
  const DeviceSpec& device = choice.partition->device;
  if (device.kind == DeviceClass::gpu)
    notes.push_back(gpu_note(device, choose_precision(device, request.precision)));
  note_experts(notes, choice.shape);
  note_repetition(notes, choice, request.text);
  note_text(notes, choice, request.text);
  if (const auto* const loss = std::get_if<LossPrediction>(&choice.loss)) {
    for (const std::string& warning : loss->warnings) notes.push_back("loss: " + warning);
  }
  return notes;
}

std::string risk_note(const Candidate& risky) {
  return fmt::format(
      "larger jobs are left out: an interruption ends the run (the cluster file's chain is none), "
      "and {} GPUs for {} expect {:.1f}; --gpus {} asks for them all the same",
      risky.job.devices(), format_duration(risky.budget.wall_s),
      risky.budget.split.expected_failures, risky.job.devices());
}

std::vector<std::string> lacking(const Plan& plan) {
  std::vector<std::string> lacks =
      missing_kernels(plan.choice.partition->device, plan.precision, plan.choice.shape);
  if (plan.choice.layout.what_if) {
    for (std::string& missing : missing_parallelism(*plan.choice.layout.what_if))
      lacks.push_back(std::move(missing));
  }
  return lacks;
}

/// What follows from the choice alone.
void describe_choice(Plan& plan, const PlanRequest& request) {
  const DeviceSpec& device = plan.choice.partition->device;
  plan.precision = choose_precision(device, request.precision);
  plan.seq_len = choose_seq_len(device, request.seq_len);
  plan.mfu_causal = mfu_of(plan.choice, plan.precision, plan.seq_len, AttentionFlops::causal);
  plan.mfu_full_square =
      mfu_of(plan.choice, plan.precision, plan.seq_len, AttentionFlops::full_square);
  plan.intervals = plan_intervals(plan.choice, plan.mfu_causal, request);
  plan.config = make_config(plan, request);
  plan.notes = make_notes(plan.choice, request);
  plan.not_runnable = lacking(plan);
}

/// What ends the training. `wanted` is the request with the loss that its objective asks for.
std::string limit_of(const Candidate& choice, const PlanRequest& request,
                     const PlanRequest& wanted) {
  const Goals& goals = request.goals;
  if (goals.loss) return fmt::format("the loss wanted, {:.4g}", *goals.loss);
  if (goals.compute)
    return fmt::format("the compute wanted, {} FLOPs", format_scientific(*goals.compute));
  if (goals.tokens) return fmt::format("the tokens wanted, {}", format_count(*goals.tokens));
  if (wanted.goals.loss)
    return fmt::format("a loss within {:g} % of the best, {:.4g}", 100 * kNearBest,
                       *wanted.goals.loss);
  const auto unique = request.text.unique_tokens();
  const double batch = choice.n_tokens() / static_cast<double>(choice.steps);
  if (unique && goals.max_epochs && choice.n_tokens() + batch > *goals.max_epochs * *unique)
    return fmt::format("data, not compute: {:g} x {} tokens", *goals.max_epochs,
                       format_count(*unique));
  if (!choice.budget.cut_reason.empty()) return choice.budget.cut_reason;
  return fmt::format("time: {}", format_duration(choice.budget.asked_s));
}

/// The other layouts that the choice's model could have had at its batch.
LayoutReview review(const Candidate& choice, const PlanRequest& request) {
  const JobContext context = make_job_context(request, *choice.partition, choice.job,
                                              constants_for(*choice.partition, request).values());
  const auto batch = static_cast<double>(choice.layout.tokens_per_step(context.seq_len));
  const LayoutRequest layouts{context.seq_len, batch, request.optimizer};
  MemoryModel memory = memory_model(choice.shape, layouts, context.machine);
  return review_layouts(memory, layouts, context.machine, context.capacity, choice.layout,
                        request.what_if);
}

/// The choice against the next best partition.
std::string why_this_partition(const Plan& plan) {
  if (plan.others.empty()) return "";
  const Candidate& next = best_of_jobs(plan.others, plan.objective);
  const std::string& name = plan.choice.partition->name;
  if (plan.objective == Objective::time)
    return fmt::format("{}: the least time, {} against {} on {}", name,
                       format_duration(plan.choice.budget.wall_s),
                       format_duration(next.budget.wall_s), next.partition->name);
  if (plan.objective == Objective::cost) return fmt::format("{}: the least cost", name);
  if (plan.choice.surface_loss && next.surface_loss)
    return fmt::format("{}: the least predicted loss, {:.3f} against {:.3f} on {}", name,
                       *plan.choice.surface_loss, *next.surface_loss, next.partition->name);
  return fmt::format("{}: the most compute, {} FLOPs against {} on {}", name,
                     format_scientific(plan.choice.compute()), format_scientific(next.compute()),
                     next.partition->name);
}

}  // namespace

CalibrationSection constants_for(const Partition& partition, const PlanRequest& request) {
  if (const SiteCalibration* const site = request.site_of(partition)) return site->constants;
  const std::string kind = to_string(partition.device.kind);
  if (request.constants) return request.constants->section(kind);
  return CalibrationFile::load(default_calibration_file()).section(kind);
}

LayoutConfig layout_config(const Layout& layout) {
  const bool is_hybrid = layout.strategy == ParallelStrategy::hsdp;
  return {.strategy = layout.strategy,
          .n_ranks = layout.world_size(),
          .n_shard = is_hybrid ? std::optional(layout.n_shard) : std::nullopt,
          .micro_batch_size = layout.micro_batch_size,
          .global_batch_size = layout.global_batch_size(),
          .recompute = layout.recompute,
          .fsdp = {.reshard_after_forward = layout.reshard_after_forward,
                   .min_unit_params = layout.min_unit_params}};
}

Plan plan_of(const Candidate& choice, const PlanRequest& request) {
  Plan plan;
  plan.objective = request.goals.chosen_objective();
  plan.choice = choice;
  predict_loss_of(plan.choice, request);
  describe_choice(plan, request);
  return plan;
}

Plan make_plan(const PlanRequest& request) {
  check_goals(request.goals);
  // Partitions are of `request`, which outlives the plan; candidates point to them.
  const std::vector<const Partition*> partitions = suitable_partitions(request);
  const PlanRequest wanted = with_wanted_loss(request, partitions);
  Plan plan;
  choose(plan, search(wanted, partitions), wanted);
  describe_choice(plan, request);
  if (plan.too_risky) plan.notes.push_back(risk_note(*plan.too_risky));
  plan.resembles = nearest_published_model(plan.choice.shape, load_published_models());
  plan.layouts = review(plan.choice, request);
  plan.limited_by = limit_of(plan.choice, request, wanted);
  if (plan.too_risky) plan.limited_by = "interruptions, which end a run; then " + plan.limited_by;
  plan.reason = why_this_partition(plan);
  return plan;
}

}  // namespace isoflop
