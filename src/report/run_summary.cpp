// SPDX-License-Identifier: MIT
#include "report/run_summary.hpp"

#include "core/run/settled_steps.hpp"
#include "report/step_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

/// What the steps after the warm-up of each start say.
struct SettledSteps {
  RunningMoments mfu;
  RunningMoments tflops;
  RunningQuantiles step_s;
  double tokens = 0;  ///< of the timed ones
  double seconds = 0;
  double waited_s = 0;  ///< for communication, of the steps that recorded both
  double waiting_of_s = 0;

  void add(const StepRecord& step, int64_t step_tokens) {
    if (step.mfu) mfu.add(*step.mfu);
    if (step.tflops) tflops.add(*step.tflops);
    if (!step.step_s) return;
    step_s.add(*step.step_s);
    tokens += static_cast<double>(step_tokens);
    seconds += *step.step_s;
    if (!step.comm_s) return;
    waited_s += *step.comm_s;
    waiting_of_s += *step.step_s;
  }
};

/// What all steps say.
struct AllSteps {
  double seconds = 0;
  std::size_t n_loss = 0;
  std::optional<float> mem_peak_gib;

  void add(const StepRecord& step) {
    seconds += step.step_s.value_or(0);
    n_loss += step.loss ? 1 : 0;
    if (step.mem_peak_gib)
      mem_peak_gib = std::max(mem_peak_gib.value_or(*step.mem_peak_gib), *step.mem_peak_gib);
  }
};

/// The mean of the last losses.
std::optional<double> final_train_loss(const TrainingRun& run, std::size_t n_loss) {
  const auto share =
      static_cast<std::size_t>(std::ceil(kSmoothingFraction * static_cast<double>(n_loss)));
  const std::size_t length = std::min(n_loss, std::max(kMinSmoothingSteps, share));
  RunningMoments losses;
  std::size_t n_missing = length;
  for (auto segment = run.segments.rbegin(); segment != run.segments.rend(); ++segment) {
    for (std::size_t row = segment->steps.size(); row > 0 && n_missing > 0; --row) {
      const auto loss = segment->steps[row - 1].loss;
      if (!loss) continue;
      losses.add(*loss);
      --n_missing;
    }
  }
  return losses.mean();
}

std::optional<double> final_validation_loss(const TrainingRun& run) {
  std::optional<double> loss;
  for (const RunFile& segment : run.segments) {
    for (const EvalRecord& eval : segment.evals) {
      if (eval.set == EvalSet::validation && eval.loss) loss = eval.loss;
    }
  }
  return loss;
}

std::string layout_text(const RunLayout& layout) {
  std::string text =
      fmt::format("{} {}x{}, mb {} x {}", layout.strategy, layout.n_shard, layout.n_replica,
                  layout.micro_batch_size, layout.grad_accum_steps);
  if (!layout.recompute.empty() && layout.recompute != "none")
    text += ", recompute " + layout.recompute;
  return text;
}

/// The last recorded step of the run; absent before the first.
std::optional<StepRecord> last_step(const TrainingRun& run) {
  for (auto segment = run.segments.rbegin(); segment != run.segments.rend(); ++segment) {
    if (!segment->steps.empty()) return segment->steps.back();
  }
  return std::nullopt;
}

std::optional<double> quotient(double amount, double by) {
  return by > 0 ? std::optional(amount / by) : std::nullopt;
}

std::optional<double> full_square_ratio(const RunFlops& flops) {
  if (!flops.model_flops_per_token_full_attention || flops.model_flops_per_token <= 0)
    return std::nullopt;
  return *flops.model_flops_per_token_full_attention / flops.model_flops_per_token;
}

void add_speed(const SettledSteps& steps, const RunFlops& flops, RunSummary& summary) {
  summary.step_s = steps.step_s.median();
  summary.step_p95_s = steps.step_s.percentile_95();
  summary.tflops = steps.tflops.mean();
  summary.mfu = steps.mfu.mean();
  summary.mfu_std = steps.mfu.std();
  if (summary.mfu) {
    summary.hfu = *summary.mfu * flops.recompute_factor;
    summary.full_square_ratio = full_square_ratio(flops);
  }
  summary.tokens_per_s = quotient(steps.tokens, steps.seconds);
  summary.exposed_comm = quotient(steps.waited_s, steps.waiting_of_s);
}

void add_steps(const TrainingRun& run, RunSummary& summary) {
  SettledSteps settled;
  for_each_settled(run, [&](const StepRecord& step, int64_t tokens) { settled.add(step, tokens); });
  add_speed(settled, run.last().header.flops, summary);
  AllSteps all;
  for (const RunFile& segment : run.segments)
    for (const StepRecord& step : segment.steps) all.add(step);
  if (all.mem_peak_gib) summary.mem_peak_gib = *all.mem_peak_gib;
  summary.train_loss = final_train_loss(run, all.n_loss);
  if (run.wall_s) summary.productive = quotient(all.seconds, *run.wall_s);
}

}  // namespace

std::string state_text(const TrainingRun& run) {
  if (run.is_done()) return "done";
  return fmt::format("PARTIAL ({})", to_string(run.last().state));
}

std::string marked_name(const TrainingRun& run) {
  return run.is_done() ? run.name : run.name + " (PARTIAL)";
}

RunSummary summarize(const TrainingRun& run) {
  const RunHeader& header = run.last().header;
  RunSummary summary;
  summary.name = run.name;
  summary.model = header.config.model_name;
  summary.n_params = header.config.n_params;
  summary.n_devices = header.hardware.world_size;
  summary.device = header.hardware.gpu_name;
  summary.layout = layout_text(header.layout);
  summary.precision = header.config.precision;
  if (const auto step = last_step(run)) {
    summary.steps = step->step;
    summary.tokens = step->tokens;
  }
  add_steps(run, summary);
  summary.validation_loss = final_validation_loss(run);
  summary.wall_s = run.wall_s;
  summary.restarts = static_cast<int64_t>(run.segments.size()) - 1;
  summary.lost_steps = run.lost_steps;
  summary.state = state_text(run);
  return summary;
}

}  // namespace isoflop
