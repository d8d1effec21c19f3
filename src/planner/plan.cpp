// SPDX-License-Identifier: MIT
#include "planner/plan.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "planner/candidate_search.hpp"
#include "planner/hyper_parameters.hpp"
#include "planner/nothing_fits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace isoflop {

namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

/// The best use of one partition, if any; adds to `shortfalls` what did not work.
std::optional<Candidate> plan_partition(const PlanRequest& request, const Partition& partition,
                                        std::vector<Shortfall>& shortfalls) {
  const Calibration calibration = load_calibration(partition.device);
  std::vector<Candidate> candidates;
  for (const JobSize& job : job_sizes(partition, request.cluster.allocation, request.n_devices)) {
    JobOutcome outcome = plan_job(request, partition, job, calibration);
    if (auto* const candidate = std::get_if<Candidate>(&outcome)) {
      candidates.push_back(std::move(*candidate));
    } else {
      shortfalls.push_back(std::get<Shortfall>(std::move(outcome)));
    }
  }
  if (candidates.empty()) return std::nullopt;
  return best_of_jobs(candidates);
}

/// Whether the partition has the precision and the number of devices that were asked for.
bool suits(const Partition& partition, const PlanRequest& request) {
  const bool has_precision =
      !request.precision || partition.device.peak_dense_tflops(*request.precision);
  return has_precision && (!request.n_devices || has_job_size(partition, *request.n_devices));
}

/// Those that suit; where none does all of them, so that planning says what is wrong.
std::vector<const Partition*> suitable_partitions(const PlanRequest& request) {
  const auto all = candidate_partitions(request.cluster, request.partition);
  std::vector<const Partition*> suitable;
  std::copy_if(all.begin(), all.end(), std::back_inserter(suitable),
               [&](const Partition* partition) { return suits(*partition, request); });
  return suitable.empty() ? all : suitable;
}

/// The best of each partition. Throws NothingFitsError when there is none at all.
std::vector<Candidate> plan_partitions(const PlanRequest& request) {
  std::vector<Candidate> winners;
  std::vector<Shortfall> shortfalls;
  for (const Partition* const partition : suitable_partitions(request)) {
    if (auto winner = plan_partition(request, *partition, shortfalls)) {
      winners.push_back(std::move(*winner));
    }
  }
  if (winners.empty()) throw NothingFitsError(explain_nothing_fits(shortfalls));
  return winners;
}

void choose(Plan& plan, const std::vector<Candidate>& winners) {
  plan.choice = best_of_jobs(winners);
  for (const Candidate& winner : winners) {
    if (winner.partition != plan.choice.partition) plan.others.push_back(winner);
  }
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
  prediction.wall_s = choice.budget.startup_s + choice.eval.seconds +
                      static_cast<double>(choice.steps) * step.total();
  if (const auto* const loss = std::get_if<LossPrediction>(&choice.loss)) {
    prediction.loss = loss->loss;
    prediction.loss_law = request.law.name;
  } else {
    prediction.loss_law = "no loss prediction: " + std::get<NoPrediction>(choice.loss).reason;
  }
  return prediction;
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
  config.optimizer.lr = rounded(peak_learning_rate(choice.compute()));
  config.schedule.steps = choice.steps;
  config.schedule.warmup_steps = warmup_steps(choice.steps);
  config.eval = {.interval = choice.eval.interval, .sequences = choice.eval.sequences};
  config.device = device_config(choice.partition->device, plan.precision);
  config.prediction = make_prediction(plan, request);
  return config;
}

void note_text(std::vector<std::string>& notes, const Candidate& choice, const TrainingText& text) {
  if (!text.known()) {
    notes.push_back(fmt::format(
        "tokenize your text into {} (in the job's working folder) before the job starts, or plan "
        "with --data; assumed until then: {}, vocabulary {}",
        text.path.string(), text.tokenizer, format_grouped(text.vocab_size)));
    return;
  }
  const double epochs =
      static_cast<double>(choice.n_tokens) / static_cast<double>(*text.train_tokens);
  if (epochs > 1) {
    notes.push_back(fmt::format(
        "D is {:.1f} times the {} training tokens of {}: repeated tokens are worth less, little so "
        "up to about 4 times (Muennighoff et al. 2023, arXiv:2305.16264)",
        epochs, format_count(static_cast<double>(*text.train_tokens)), text.path.string()));
  }
  if (choice.eval.sequences == 0) {
    notes.push_back("the validation split is shorter than one sequence: no validation loss");
  }
}

/// Architectures that the trainer is built for by default (cmake/IsoflopCuda.cmake).
bool trainer_has_kernels(const DeviceSpec& gpu) {
  const std::optional<GpuKernels> kernels = gpu_kernels(gpu.compute_capability);
  if (!kernels) return false;
  return kernels->sm_version / 10 == 8 || kernels->sm_version == 90 || kernels->sm_version == 100;
}

/// How far the trainer can run a plan for GPUs.
std::string gpu_note(const DeviceSpec& gpu, Precision precision) {
  if (!trainer_has_kernels(gpu))
    return fmt::format(
        "an estimate only: the trainer has kernels for A100, H100, H200 and B200, not for {} "
        "(compute capability {})",
        gpu.name, gpu.compute_capability);
  if (precision != Precision::bf16 && precision != Precision::fp32)
    return fmt::format(
        "an estimate only: on GPUs this version of the trainer computes in bf16 or fp32, not {}",
        to_string(precision));
  return "the trainer's GPU backend is tested on an emulated GPU and has not run on a real one "
         "yet: start with a short job (sbatch --time=0:10:00)";
}

std::vector<std::string> make_notes(const Candidate& choice, const PlanRequest& request) {
  std::vector<std::string> notes;
  if (!choice.budget.cut_reason.empty()) {
    notes.push_back(fmt::format("{} asked for, {} used: {}; a plan is one job in this version",
                                format_duration(choice.budget.asked_s),
                                format_duration(choice.budget.wall_s), choice.budget.cut_reason));
  }
  const DeviceSpec& device = choice.partition->device;
  if (device.kind == DeviceClass::gpu)
    notes.push_back(gpu_note(device, choose_precision(device, request.precision)));
  note_text(notes, choice, request.text);
  if (const auto* const loss = std::get_if<LossPrediction>(&choice.loss)) {
    for (const std::string& warning : loss->warnings) notes.push_back("loss: " + warning);
  }
  return notes;
}

}  // namespace

Plan make_plan(const PlanRequest& request) {
  Plan plan;
  choose(plan, plan_partitions(request));
  const DeviceSpec& device = plan.choice.partition->device;
  plan.precision = choose_precision(device, request.precision);
  plan.seq_len = choose_seq_len(device, request.seq_len);
  plan.mfu_causal = mfu_of(plan.choice, plan.precision, plan.seq_len, AttentionFlops::causal);
  plan.mfu_full_square =
      mfu_of(plan.choice, plan.precision, plan.seq_len, AttentionFlops::full_square);
  plan.config = make_config(plan, request);
  plan.notes = make_notes(plan.choice, request);
  return plan;
}

}  // namespace isoflop
