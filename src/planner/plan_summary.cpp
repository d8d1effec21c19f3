// SPDX-License-Identifier: MIT
#include "planner/plan_summary.hpp"

#include "core/base/format.hpp"
#include "core/model/model_shape.hpp"
#include "planner/candidate_search.hpp"
#include "planner/plan_folder.hpp"

#include <fmt/format.h>

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

std::string describe_job(const Candidate& choice, const Allocation& allocation) {
  const Partition& partition = *choice.partition;
  std::string text =
      line("Job", fmt::format("partition {}: {} x {} = {} for {}", partition.name,
                              count_of(choice.job.nodes, "node"), choice.job.devices_per_node,
                              count_of_devices(choice.job.devices(), partition),
                              format_duration(choice.budget.wall_s)));
  const double hours = choice.budget.device_hours(choice.job);
  const std::string of = allocation.gpu_hours
                             ? fmt::format("of the allocation's {:.4g}", *allocation.gpu_hours)
                             : "(the cluster file states no allocation)";
  std::string cost;
  if (partition.price_per_gpu_hour) {
    cost = fmt::format("; costs {:.4g} at {:.4g} an hour", hours * *partition.price_per_gpu_hour,
                       *partition.price_per_gpu_hour);
  }
  const char* const unit = partition.device.kind == DeviceClass::gpu ? "GPU" : "rank";
  return text + line("", fmt::format("{:.4g} {} hours {}{}", hours, unit, of, cost));
}

std::string describe_time(const Candidate& choice) {
  const Budget& budget = choice.budget;
  const double steps_s = static_cast<double>(choice.steps) * choice.layout.step_time.total();
  return line("Time", fmt::format("start-up {}, steps {}, {} evaluations {}, kept back {}",
                                  format_duration(budget.startup_s), format_duration(steps_s),
                                  choice.eval.evaluations, format_duration(choice.eval.seconds),
                                  format_duration(budget.wall_s - budget.startup_s - steps_s -
                                                  choice.eval.seconds)));
}

std::string describe_model(const Plan& plan, const TrainingText& text) {
  const ModelShape& shape = plan.choice.shape;
  return line("Model", fmt::format("N = {} parameters: {}", format_count(plan.choice.n_params),
                                   short_name(shape))) +
         line("",
              fmt::format("{} layers, d_model {}, {} heads of {}, d_ff {}, vocabulary {} ({} {}, "
                          "padded)",
                          shape.n_layer, shape.d_model, shape.n_head, shape.d_head, shape.d_ff,
                          shape.vocab_size, text.tokenizer, text.vocab_size));
}

std::string describe_tokens(const Plan& plan) {
  const Candidate& choice = plan.choice;
  const int64_t batch = choice.layout.layout.global_batch_size();
  return line("Tokens",
              fmt::format("D = {} ({:.3g} a parameter), compute 6ND = {} FLOPs",
                          format_count(static_cast<double>(choice.n_tokens)),
                          choice.tokens_per_param(), format_scientific(choice.compute()))) +
         line("Steps", fmt::format("{} steps of {} sequences x {} tokens = {} tokens",
                                   format_grouped(choice.steps), batch, plan.seq_len,
                                   format_grouped(batch * plan.seq_len)));
}

/// The parts of a step above one per cent of it.
std::string step_parts(const StepTime& step) {
  const std::pair<const char*, double> parts[] = {
      {"matrix products", step.matmul_s},  {"attention", step.attention_s},
      {"output and loss", step.head_s},    {"memory-bound", step.memory_bound_s},
      {"recomputation", step.recompute_s}, {"launches", step.launch_s},
      {"optimizer", step.optimizer_s},     {"exposed communication", step.communication_s}};
  std::string text;
  for (const auto& [name, seconds] : parts) {
    if (seconds < 0.01 * step.total()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, format_duration(seconds));
  }
  return text;
}

std::string describe_speed(const Plan& plan) {
  const Candidate& choice = plan.choice;
  const StepTime& step = choice.layout.step_time;
  const double tokens_per_s =
      static_cast<double>(choice.layout.tokens_per_step(plan.seq_len)) / step.total();
  return line("Layout",
              fmt::format("{}, {}", to_string(choice.layout.layout), to_string(plan.precision))) +
         line("Step time", fmt::format("{}: {}", format_duration(step.total()), step_parts(step))) +
         line("Speed", fmt::format("{} tokens/s, MFU {} (causal FLOPs), {} (full square, as most "
                                   "published tables)",
                                   format_count(tokens_per_s), format_percent(plan.mfu_causal),
                                   format_percent(plan.mfu_full_square)));
}

/// What the best of another partition would reach, in the terms the choice was made in.
std::string describe_others(const Plan& plan) {
  std::string text;
  for (const Candidate& other : plan.others) {
    const auto* const prediction = std::get_if<LossPrediction>(&other.loss);
    const std::string reaches =
        prediction != nullptr ? fmt::format("loss {:.3f}, ", prediction->loss) : "";
    text += line(
        text.empty() ? "Instead of" : "",
        fmt::format("partition {}: {} for {}, N = {}, D = {}, {}compute {} FLOPs",
                    other.partition->name, count_of_devices(other.job.devices(), *other.partition),
                    format_duration(other.budget.wall_s), format_count(other.n_params),
                    format_count(static_cast<double>(other.n_tokens)), reaches,
                    format_scientific(other.compute())));
  }
  return text;
}

std::string describe_optimizer(const TrainConfig& config) {
  return line("Optimizer",
              fmt::format("AdamW, peak lr {:.3g} after {} steps of warm-up, cosine to {:.0f} %, "
                          "weight decay {:g}",
                          config.optimizer.lr, format_grouped(config.schedule.warmup_steps),
                          100 * config.schedule.min_lr_fraction, config.optimizer.weight_decay));
}

std::string describe_loss(const Candidate& choice, const ScalingLaw& law) {
  if (const auto* const none = std::get_if<NoPrediction>(&choice.loss)) {
    return line("Loss", "no loss prediction: " + none->reason) +
           line("", fmt::format("N chosen by rule: about {:g} tokens a parameter",
                                kTokensPerParamRule));
  }
  const auto& prediction = std::get<LossPrediction>(choice.loss);
  const std::string interval =
      prediction.interval_95 ? fmt::format(" (95 % {:.3f} to {:.3f})", prediction.interval_95->low,
                                           prediction.interval_95->high)
                             : "";
  return line("Loss",
              fmt::format("{:.3f} nats a token{}, law {}", prediction.loss, interval, law.title));
}

std::string describe_memory(const Candidate& choice) {
  const MemoryEstimate& memory = choice.layout.memory;
  const MemoryCapacity& capacity = choice.capacity;
  const auto total = static_cast<double>(memory.total());
  std::string text =
      line("Memory", fmt::format("{} of {} usable on each device ({})", format_bytes(total),
                                 format_bytes(capacity.usable_bytes()),
                                 format_percent(total / capacity.usable_bytes(), 0)));
  text += line(
      "", fmt::format("usable: {} less {} for the runtime and {} for fragmentation",
                      format_bytes(capacity.device_bytes), format_bytes(capacity.runtime_bytes),
                      format_bytes(capacity.fragmentation_bytes)));
  for (const auto& [name, bytes] : memory.terms()) {
    text += line("", fmt::format("  {:<22}{:>10}", name, format_bytes(bytes)));
  }
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
  return "Plan\n" + describe_job(plan.choice, request.cluster.allocation) +
         describe_time(plan.choice) + describe_model(plan, request.text) + describe_tokens(plan) +
         describe_optimizer(plan.config) + describe_speed(plan) +
         describe_loss(plan.choice, request.law) + describe_others(plan) +
         describe_memory(plan.choice) + describe_notes(plan.notes);
}

std::string plan_header(const Plan& plan, const PlanRequest& request,
                        const std::string& provenance) {
  const OptimizerConfig& optimizer = plan.config.optimizer;
  return fmt::format(
      "{} {}.\n"
      "{} for {}: {} parameters, {} tokens.\n"
      "Global batch and peak lr follow DeepSeek LLM, arXiv:2401.02954, section 3.1 (0.2920 "
      "C^0.3271\n"
      "tokens, 0.3118 C^-0.1250, C = 6ND; lr at most 3e-3); betas {:g} and {:g}, weight decay {:g} "
      "and\n"
      "clipping at {:g} are those of GPT-3 (arXiv:2005.14165, appendix B) and LLaMA "
      "(arXiv:2302.13971);\n"
      "warm-up is 2,000 steps (DeepSeek LLM) but at most a twentieth of them; cosine to a tenth\n"
      "(arXiv:2203.15556, appendix B).",
      kPlanSignature, provenance, request.cluster.name, format_duration(plan.choice.budget.wall_s),
      format_count(plan.choice.n_params), format_count(static_cast<double>(plan.choice.n_tokens)),
      optimizer.beta1, optimizer.beta2, optimizer.weight_decay, optimizer.grad_clip);
}

}  // namespace isoflop
