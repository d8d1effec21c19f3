// SPDX-License-Identifier: MIT
#include "report/run_summary.hpp"

#include "core/run/settled_steps.hpp"
#include "report/fit/series_statistics.hpp"
#include "report/fit/window_means.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace isoflop {
namespace {

/// Tokens over time of the steps after warm-up; a step's tokens are the growth of the count.
std::optional<double> throughput(const TrainingRun& run) {
  double tokens = 0;
  double seconds = 0;
  for (const RunFile& segment : run.segments) {
    for (std::size_t row = warm_up_steps(segment); row < segment.steps.size(); ++row) {
      if (!segment.steps[row].step_s) continue;
      tokens += static_cast<double>(segment.steps[row].tokens - segment.steps[row - 1].tokens);
      seconds += *segment.steps[row].step_s;
    }
  }
  return seconds > 0 ? std::optional(tokens / seconds) : std::nullopt;
}

std::optional<double> largest(const TrainingRun& run, std::optional<float> StepRecord::*column) {
  std::optional<double> result;
  for (const RunFile& segment : run.segments) {
    for (const StepRecord& step : segment.steps) {
      if (step.*column)
        result = std::max(result.value_or(*(step.*column)), double{*(step.*column)});
    }
  }
  return result;
}

std::optional<double> final_train_loss(const TrainingRun& run) {
  std::vector<double> losses;
  for (const RunFile& segment : run.segments) {
    for (const StepRecord& step : segment.steps) {
      if (step.loss) losses.push_back(*step.loss);
    }
  }
  if (losses.empty()) return std::nullopt;
  const auto share =
      static_cast<std::size_t>(std::ceil(kSmoothingFraction * static_cast<double>(losses.size())));
  const std::size_t length = std::min(losses.size(), std::max(kMinSmoothingSteps, share));
  const fit::Window window{losses.size() - length, losses.size()};
  return fit::window_means(losses, std::span(&window, 1)).front();
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

/// The last recorded step of the run; null before the first.
const StepRecord* last_step(const TrainingRun& run) {
  for (auto segment = run.segments.rbegin(); segment != run.segments.rend(); ++segment) {
    if (!segment->steps.empty()) return &segment->steps.back();
  }
  return nullptr;
}

/// The smallest value that at least 95 % of them do not exceed.
std::optional<double> percentile_95(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto rank = (values.size() * 95 + 99) / 100 - 1;
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

/// Over the steps after warm-up that recorded both.
std::optional<double> exposed_comm(const TrainingRun& run) {
  double waited = 0;
  double seconds = 0;
  for (const RunFile& segment : run.segments) {
    for (std::size_t row = warm_up_steps(segment); row < segment.steps.size(); ++row) {
      const StepRecord& step = segment.steps[row];
      if (!step.comm_s || !step.step_s) continue;
      waited += *step.comm_s;
      seconds += *step.step_s;
    }
  }
  return seconds > 0 ? std::optional(waited / seconds) : std::nullopt;
}

std::optional<double> productive(const TrainingRun& run) {
  double seconds = 0;
  for (const RunFile& segment : run.segments) {
    for (const StepRecord& step : segment.steps) seconds += step.step_s.value_or(0);
  }
  if (!run.wall_s || *run.wall_s <= 0) return std::nullopt;
  return seconds / *run.wall_s;
}

std::optional<double> full_square_ratio(const RunFlops& flops) {
  if (!flops.model_flops_per_token_full_attention || flops.model_flops_per_token <= 0)
    return std::nullopt;
  return *flops.model_flops_per_token_full_attention / flops.model_flops_per_token;
}

void add_speed(const TrainingRun& run, RunSummary& summary) {
  const RunFlops& flops = run.last().header.flops;
  const auto step_s = fit::series_statistics(settled_values(run, &StepRecord::step_s));
  const auto mfu = fit::series_statistics(settled_values(run, &StepRecord::mfu));
  const auto tflops = fit::series_statistics(settled_values(run, &StepRecord::tflops));
  if (step_s) summary.step_s = step_s->median;
  summary.step_p95_s = percentile_95(settled_values(run, &StepRecord::step_s));
  if (tflops) summary.tflops = tflops->mean;
  if (mfu) {
    summary.mfu = mfu->mean;
    summary.mfu_std = mfu->std;
    summary.hfu = mfu->mean * flops.recompute_factor;
    summary.full_square_ratio = full_square_ratio(flops);
  }
  summary.tokens_per_s = throughput(run);
  summary.exposed_comm = exposed_comm(run);
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
  if (const StepRecord* step = last_step(run)) {
    summary.steps = step->step;
    summary.tokens = step->tokens;
  }
  add_speed(run, summary);
  summary.mem_peak_gib = largest(run, &StepRecord::mem_peak_gib);
  summary.train_loss = final_train_loss(run);
  summary.validation_loss = final_validation_loss(run);
  summary.wall_s = run.wall_s;
  summary.productive = productive(run);
  summary.restarts = static_cast<int64_t>(run.segments.size()) - 1;
  summary.lost_steps = run.lost_steps;
  summary.state = state_text(run);
  return summary;
}

}  // namespace isoflop
