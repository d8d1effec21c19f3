// SPDX-License-Identifier: MIT
#include "planner/plan_summary.hpp"

#include "core/base/format.hpp"
#include "core/base/table/render.hpp"
#include "core/model/model_shape.hpp"
#include "planner/candidate_search.hpp"
#include "planner/plan_folder.hpp"
#include "planner/plan_tables.hpp"
#include "planner/step_parts.hpp"
#include "planner/what_if/layout_pricing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

namespace isoflop {

namespace {

/// "Layout      fsdp 128 ...": a labelled line; lines without a label continue the one above.
std::string line(const std::string& label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

std::string count_of(int count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string count_of_devices(int count, const Partition& partition) {
  return count_of(count, partition.device.kind == DeviceClass::gpu ? "GPU" : "CPU rank");
}

std::string describe_peak(const DeviceSpec& device, std::optional<Precision> asked) {
  const std::optional<double> peak = asked ? device.peak_dense_tflops(*asked) : std::nullopt;
  if (asked && !peak) return fmt::format("no {}", to_string(*asked));
  const Precision precision = asked.value_or(choose_precision(device, std::nullopt));
  return fmt::format("{:.4g} TFLOP/s {} dense", device.require_peak_dense_tflops(precision),
                     to_string(precision));
}

std::string describe_partition(const Partition& partition, std::optional<Precision> precision) {
  const DeviceSpec& device = partition.device;
  std::string text = fmt::format(
      "  {:<10}{} x {}: '{}' is {}\n", partition.name, count_of(partition.nodes, "node"),
      count_of_devices(partition.devices_per_node, partition), partition.device_text, device.name);
  text += fmt::format("  {:<10}{} memory, {:.4g} GB/s, {}\n", "", format_bytes(device.mem_bytes()),
                      device.mem_bandwidth_gb_per_s, describe_peak(device, precision));
  return text + fmt::format("  {:<10}found by: {}\n", "", partition.device_how);
}

/// The plan in a line.
std::string describe_answer(const Candidate& choice) {
  const auto* const prediction = std::get_if<LossPrediction>(&choice.loss);
  const std::string reaches =
      prediction != nullptr ? fmt::format(": loss {:.3f}", prediction->loss) : "";
  return line("Train", fmt::format("{} parameters on {} tokens{}", format_count(choice.n_params),
                                   format_count(choice.n_tokens()), reaches));
}

std::string describe_job(const Candidate& choice, const Allocation& allocation) {
  const Partition& partition = *choice.partition;
  const TimeSplit& split = choice.budget.split;
  std::string text =
      line("Job", fmt::format("partition {}: {} x {} = {} for {}", partition.name,
                              count_of(choice.job.nodes, "node"), choice.job.devices_per_node,
                              count_of_devices(choice.job.devices(), partition),
                              format_duration(choice.budget.wall_s)));
  if (split.jobs > 1) {
    text += line("", fmt::format("{} jobs one after the other, {} at most each", split.jobs,
                                 format_duration(split.job_s)));
  }
  const char* const unit = partition.device.kind == DeviceClass::gpu ? "GPU" : "rank";
  std::string cost = fmt::format("{:.4g} {} hours", choice.device_hours(), unit);
  if (allocation.gpu_hours)
    cost += fmt::format(" of the allocation's {:.4g}", *allocation.gpu_hours);
  if (const auto money = choice.cost())
    cost += fmt::format(", costs {:.0f} at {:.4g} an hour", *money, *partition.price_per_gpu_hour);
  if (const auto energy = choice.energy_kwh())
    cost += fmt::format(", up to {} kWh in the GPUs", format_grouped(std::llround(*energy)));
  return text + line("", cost);
}

/// "94 %"; never a certainty that rounding alone makes.
std::string describe_chance(double chance) {
  if (chance < 0.01) return "less than 1 %";
  if (chance > 0.99) return "more than 99 %";
  return format_percent(chance, 0);
}

/// What interruptions mean for this plan.
std::string describe_risk(const Candidate& choice) {
  const TimeSplit& split = choice.budget.split;
  const std::optional<double> mtbf_s = choice.budget.rules.mtbf_s;
  if (!mtbf_s) return "";
  const std::string often = fmt::format("one interruption per {} expected on {} GPUs",
                                        format_duration(*mtbf_s), choice.job.devices());
  if (split.checkpoint_interval_s)
    return line("Risk", fmt::format("{}; a checkpoint every {}", often,
                                    format_duration(*split.checkpoint_interval_s)));
  return line("Risk", fmt::format("{}: {} chance that none ends the run (nothing restarts it)", often,
                                  describe_chance(split.survival)));
}

std::string describe_heads(const ModelShape& shape) {
  const std::string heads = fmt::format("{} heads of {}", shape.n_head, shape.d_head);
  if (shape.n_kv_head == shape.n_head) return heads;
  return heads + fmt::format(" ({} of keys and values)", shape.n_kv_head);
}

std::string describe_model(const Plan& plan, const TrainingText& text) {
  const ModelShape& shape = plan.choice.shape;
  const std::string resembled =
      plan.resembles
          ? line("", fmt::format("resembles {} ({})", plan.resembles->name, plan.resembles->source))
          : "";
  return line("Model", fmt::format("N = {} parameters: {}", format_count(plan.choice.n_params),
                                   short_name(shape))) +
         line("", fmt::format("{} layers, d_model {}, {}, d_ff {}, vocabulary {} ({} {}{})",
                              shape.n_layer, shape.d_model, describe_heads(shape), shape.d_ff,
                              shape.vocab_size, text.tokenizer, text.vocab_size,
                              text.vocab_size == shape.vocab_size ? "" : ", padded")) +
         resembled;
}

std::string describe_tokens(const Plan& plan) {
  const Candidate& choice = plan.choice;
  const int64_t batch = choice.layout.layout.global_batch_size();
  const std::string epochs =
      choice.tokens.epochs > 1 ? fmt::format(", {:.2f} epochs", choice.tokens.epochs) : "";
  return line("Tokens", fmt::format("D = {} ({:.3g} a parameter{}), compute 6ND = {} FLOPs",
                                    format_count(choice.n_tokens()), choice.tokens_per_param(),
                                    epochs, format_scientific(choice.compute()))) +
         line("Steps", fmt::format("{} steps of {} sequences x {} tokens = {} tokens",
                                   format_grouped(choice.steps), batch, plan.seq_len,
                                   format_grouped(batch * plan.seq_len))) +
         line("", fmt::format("critical batch {} tokens (Zhang et al. 2024, arXiv:2410.21676)",
                              format_count(choice.tokens.critical_batch)));
}

/// The parts of a step above one per cent of it.
std::string large_parts(const StepTime& step) {
  std::string text;
  for (const StepPart& part : step_parts(step)) {
    if (part.seconds < 0.01 * step.total()) continue;
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", part.label, format_duration(part.seconds));
  }
  return text;
}

/// What marks a layout that only another program runs.
std::string describe_missing(const LayoutCandidate& layout) {
  if (!layout.what_if) return "";
  return line("", fmt::format("not runnable by this trainer, which has no {}",
                              fmt::join(missing_parallelism(*layout.what_if), ", no ")));
}

std::string describe_speed(const Plan& plan) {
  const Candidate& choice = plan.choice;
  const StepTime& step = choice.layout.step_time;
  const double tokens_per_s =
      static_cast<double>(choice.layout.tokens_per_step(plan.seq_len)) / step.total();
  return line("Layout", fmt::format("{}, {}", choice.layout.text(), to_string(plan.precision))) +
         describe_missing(choice.layout) +
         line("Step time",
              fmt::format("{}: {}", format_duration(step.total()), large_parts(step))) +
         line("Speed", fmt::format("{} tokens/s, MFU {} (causal FLOPs), {} (full square, as most "
                                   "published tables)",
                                   format_count(tokens_per_s), format_percent(plan.mfu_causal),
                                   format_percent(plan.mfu_full_square)));
}

std::string describe_optimizer(const TrainConfig& config) {
  return line("Optimizer",
              fmt::format("{}, peak lr {:.3g} after {} steps of warm-up, cosine to {:.0f} %, "
                          "weight decay {:g}",
                          config.optimizer.kind == OptimizerKind::muon ? "Muon" : "AdamW",
                          config.optimizer.lr, format_grouped(config.schedule.warmup_steps),
                          100 * config.schedule.min_lr_fraction, config.optimizer.weight_decay));
}

std::string describe_loss(const Candidate& choice, const ScalingLaw& law) {
  if (const auto* const none = std::get_if<NoPrediction>(&choice.loss)) {
    const std::string chosen =
        choice.surface_loss
            ? fmt::format("N chosen by {} beyond its range all the same", law.title)
            : fmt::format("N chosen by rule: about {:g} tokens a parameter", kTokensPerParamRule);
    return line("Loss", "no loss prediction: " + none->reason) + line("", chosen);
  }
  const auto& prediction = std::get<LossPrediction>(choice.loss);
  const std::string interval =
      prediction.interval_95 ? fmt::format(" (95 % {:.3f} to {:.3f})", prediction.interval_95->low,
                                           prediction.interval_95->high)
                             : "";
  return line("Loss",
              fmt::format("{:.3f} nats a token{}, law {}", prediction.loss, interval, law.title));
}

std::string range_text(const Range& range, std::string (*format)(double)) {
  return format(range.low) + " to " + format(range.high);
}

std::string loss_text(const Range& range) {
  return fmt::format("{:.3f} to {:.3f}", range.low, range.high);
}

std::string describe_loss_interval(const PlanIntervals& intervals) {
  if (!intervals.loss || !intervals.loss_by_speed) return "";
  const std::string law =
      intervals.loss_by_law ? "; by the law alone " + loss_text(*intervals.loss_by_law) : "";
  return line("", fmt::format("loss {} (by tokens alone {}{})", loss_text(*intervals.loss),
                              loss_text(*intervals.loss_by_speed), law));
}

/// What the predictions may be off by, marked with what they are calibrated by.
std::string describe_intervals(const PlanIntervals& intervals) {
  const std::string marked =
      intervals.calibrated ? "calibrated by " + intervals.basis : "uncalibrated until a pilot ran";
  std::string text = line("Intervals", fmt::format("{}; 95 % of step times, which spread by {}",
                                                   marked, format_percent(intervals.spread)));
  text += line(
      "", fmt::format(
              "step time {}, MFU {} (causal)", range_text(intervals.step_s, format_duration),
              range_text(intervals.mfu_causal, [](double mfu) { return format_percent(mfu); })));
  text += line(
      "", fmt::format("the planned steps take {}{}", range_text(intervals.wall_s, format_duration),
                      intervals.tokens ? fmt::format("; {} tokens fit into the time",
                                                     range_text(*intervals.tokens, format_count))
                                       : ""));
  return text + describe_loss_interval(intervals);
}

std::string describe_memory(const Candidate& choice) {
  const MemoryEstimate& memory = choice.layout.memory;
  const MemoryCapacity& capacity = choice.capacity;
  const auto total = static_cast<double>(memory.total());
  std::string text =
      line("Memory", fmt::format("{} of {} usable on each device ({}), most of it {}",
                                 format_bytes(total), format_bytes(capacity.usable_bytes()),
                                 format_percent(total / capacity.usable_bytes(), 0),
                                 memory.terms().front().first));
  text += line(
      "", fmt::format("usable: {} less {} for the runtime and {} for fragmentation",
                      format_bytes(capacity.device_bytes), format_bytes(capacity.runtime_bytes),
                      format_bytes(capacity.fragmentation_bytes)));
  for (const auto& [name, bytes] : memory.terms()) {
    text += line("", fmt::format("  {:<22}{:>10}", name, format_bytes(bytes)));
  }
  return text;
}

/// Layouts of the same model and batch that do not fit, by their largest term.
std::string describe_rejected(const Plan& plan) {
  const LayoutReview& review = plan.layouts;
  if (review.rejected.empty()) return "";
  std::string text =
      line("Rejected", fmt::format("{} of {} layouts of this model and batch do not fit",
                                   format_grouped(review.tried - review.fitting),
                                   format_grouped(review.tried)));
  for (const RejectedLayouts& rejected : review.rejected)
    text += line(
        "",
        fmt::format("  {} for {}, the fastest{}: {}: {}", format_grouped(rejected.layouts),
                    rejected.largest_term, rejected.faster > 0 ? ", which would beat the plan" : "",
                    rejected.fastest.text(),
                    describe_excess(rejected.fastest.memory, plan.choice.capacity.usable_bytes())));
  return text;
}

std::string describe_notes(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += "  * " + note + "\n";
  return text.empty() ? "" : "\nNotes\n" + text;
}

}  // namespace

std::string describe_partitions(const Cluster& cluster, std::optional<Precision> precision) {
  std::string text = fmt::format("Node groups of {}\n", cluster.name);
  for (const Partition& partition : cluster.partitions) {
    text += describe_partition(partition, precision);
  }
  return text;
}

std::string describe_plan(const Plan& plan, const PlanRequest& request) {
  std::vector<Table> tables = {time_table(plan.choice)};
  if (!plan.designs.empty()) tables.push_back(design_table(plan));
  if (!plan.others.empty()) {
    tables.push_back(partition_table(plan));
    tables.back().notes.push_back("recommended: " + plan.reason);
  }
  return "Plan\n" + describe_answer(plan.choice) +
         describe_job(plan.choice, request.cluster.allocation) +
         line("Limited by", plan.limited_by) + describe_risk(plan.choice) +
         describe_model(plan, request.text) + describe_tokens(plan) +
         describe_optimizer(plan.config) + describe_speed(plan) +
         describe_loss(plan.choice, request.law) + describe_intervals(plan.intervals) +
         describe_memory(plan.choice) + describe_rejected(plan) + "\n" + render_text(tables) +
         describe_notes(plan.notes);
}

std::string plan_header(const Plan& plan, const PlanRequest& request,
                        const std::string& provenance) {
  const OptimizerConfig& optimizer = plan.config.optimizer;
  return fmt::format(
      "{} {}.\n"
      "{} for {}: {} parameters, {} tokens.\n"
      "Peak lr and global batch follow DeepSeek LLM, arXiv:2401.02954, section 3.1 (0.3118 "
      "C^-0.1250,\n"
      "at most 3e-3; 0.2920 C^0.3271 tokens, C = 6ND), the batch within the critical one\n"
      "(Zhang et al., arXiv:2410.21676) as far as every rank gets work; betas {:g} and {:g}, "
      "weight decay {:g} and\n"
      "clipping at {:g} are those of GPT-3 (arXiv:2005.14165, appendix B) and LLaMA "
      "(arXiv:2302.13971);\n"
      "warm-up is 2,000 steps (DeepSeek LLM) but at most a twentieth of them; cosine to a tenth\n"
      "(arXiv:2203.15556, appendix B).",
      kPlanSignature, provenance, request.cluster.name, format_duration(plan.choice.budget.wall_s),
      format_count(plan.choice.n_params), format_count(plan.choice.n_tokens()), optimizer.beta1,
      optimizer.beta2, optimizer.weight_decay, optimizer.grad_clip);
}

}  // namespace isoflop
