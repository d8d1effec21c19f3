// SPDX-License-Identifier: MIT
#include "planner/plan_json.hpp"

#include "core/base/enum_names.hpp"
#include "core/base/json_writer.hpp"
#include "core/model/model_shape.hpp"
#include "core/plan/optimizer_config.hpp"
#include "planner/step_parts.hpp"

#include <string_view>

namespace isoflop {

namespace {

template <typename T>
void write_known(JsonWriter& json, std::string_view key, const std::optional<T>& value) {
  if (value) json.entry(key, *value);
}

void write_texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key).begin_array();
  for (const std::string& text : texts) json.value(text);
  json.end_array();
}

void write_loss(JsonWriter& json, const LossOutlook& loss) {
  if (const auto* const none = std::get_if<NoPrediction>(&loss)) {
    json.entry("no_loss_because", none->reason);
    return;
  }
  const auto& prediction = std::get<LossPrediction>(loss);
  json.entry("loss", prediction.loss);
  if (prediction.interval_95) {
    json.entry("loss_95_low", prediction.interval_95->low)
        .entry("loss_95_high", prediction.interval_95->high);
  }
  write_texts(json, "loss_warnings", prediction.warnings);
}

void write_job(JsonWriter& json, const Candidate& candidate) {
  json.entry("partition", candidate.partition->name)
      .entry("device", candidate.partition->device.name)
      .entry("nodes", candidate.job.nodes)
      .entry("devices", candidate.job.devices())
      .entry("wall_s", candidate.budget.wall_s)
      .entry("device_hours", candidate.device_hours());
  write_known(json, "cost", candidate.cost());
  write_known(json, "energy_kwh", candidate.energy_kwh());
}

/// What every design says of itself.
void write_design(JsonWriter& json, const Candidate& candidate) {
  write_job(json, candidate);
  json.entry("model", short_name(candidate.shape))
      .entry("n_params", candidate.n_params)
      .entry("n_tokens", candidate.tokens.read)
      .entry("compute_flops", candidate.compute())
      .entry("layout", candidate.layout.text())
      .entry("global_batch_size", candidate.layout.layout.global_batch_size())
      .entry("step_s", candidate.layout.step_time.total());
  write_known(json, "surface_loss", candidate.surface_loss);
  json.entry("chance_of_no_interruption", candidate.budget.split.survival);
}

void write_shape(JsonWriter& json, const Plan& plan) {
  const ModelShape& shape = plan.choice.shape;
  json.key("model").begin_object();
  json.entry("name", short_name(shape))
      .entry("n_params", plan.choice.n_params)
      .entry("n_layer", shape.n_layer)
      .entry("d_model", shape.d_model)
      .entry("n_head", shape.n_head)
      .entry("n_kv_head", shape.n_kv_head)
      .entry("d_head", shape.d_head)
      .entry("d_ff", shape.d_ff)
      .entry("vocab_size", shape.vocab_size);
  if (plan.resembles) {
    json.entry("resembles", plan.resembles->name).entry("resembles_source", plan.resembles->source);
  }
  json.end_object();
}

void write_range(JsonWriter& json, const std::string& key, const std::optional<Range>& range) {
  if (range) json.entry(key + "_lower", range->low).entry(key + "_upper", range->high);
}

void write_intervals(JsonWriter& json, const PlanIntervals& intervals) {
  json.key("intervals").begin_object();
  json.entry("calibrated", intervals.calibrated)
      .entry("basis", intervals.basis)
      .entry("confidence", 0.95)
      .entry("log_step_time_spread", intervals.spread);
  write_range(json, "step_s", intervals.step_s);
  write_range(json, "mfu_causal", intervals.mfu_causal);
  write_range(json, "wall_s", intervals.wall_s);
  write_range(json, "n_tokens", intervals.tokens);
  write_range(json, "loss_by_tokens", intervals.loss_by_speed);
  write_range(json, "loss_by_law", intervals.loss_by_law);
  write_range(json, "loss", intervals.loss);
  json.end_object();
}

void write_time(JsonWriter& json, const Candidate& choice) {
  const TimeSplit& split = choice.budget.split;
  json.key("time").begin_object();
  json.entry("asked_s", choice.budget.asked_s)
      .entry("elapsed_s", split.elapsed_s)
      .entry("jobs", split.jobs)
      .entry("job_s", split.job_s)
      .entry("steps_s", choice.steps_s())
      .entry("evaluations_s", choice.eval.seconds)
      .entry("startup_s", split.startup_s)
      .entry("checkpoints_s", split.checkpoint_s)
      .entry("interruptions_s", split.failure_s)
      .entry("requeue_s", split.requeue_s)
      .entry("kept_back_s", split.margin_s);
  write_known(json, "mtbf_s", choice.budget.rules.mtbf_s);
  write_known(json, "checkpoint_interval_s", split.checkpoint_interval_s);
  json.entry("expected_interruptions", split.expected_failures)
      .entry("chance_of_no_interruption", split.survival);
  json.end_object();
}

void write_tokens(JsonWriter& json, const Plan& plan, const PlanRequest& request) {
  const Candidate& choice = plan.choice;
  json.key("tokens").begin_object();
  json.entry("n_tokens", choice.tokens.read)
      .entry("tokens_per_param", choice.tokens_per_param())
      .entry("effective_tokens", choice.tokens.effective)
      .entry("batch_worth", choice.tokens.batch_worth)
      .entry("critical_batch_tokens", choice.tokens.critical_batch)
      .entry("compute_flops", choice.compute())
      .entry("steps", choice.steps)
      .entry("seq_len", plan.seq_len)
      .entry("global_batch_size", choice.layout.layout.global_batch_size())
      .entry("tokenizer", request.text.tokenizer);
  if (const auto unique = request.text.unique_tokens())
    json.entry("unique_tokens", *unique).entry("epochs", choice.tokens.epochs);
  json.end_object();
}

void write_speed(JsonWriter& json, const Plan& plan) {
  const StepTime& step = plan.choice.layout.step_time;
  const double tokens = static_cast<double>(plan.choice.layout.tokens_per_step(plan.seq_len));
  json.key("speed").begin_object();
  json.entry("layout", plan.choice.layout.text())
      .entry("precision", to_string(plan.precision))
      .entry("step_s", step.total())
      .entry("tokens_per_s", tokens / step.total())
      .entry("mfu_causal", plan.mfu_causal)
      .entry("mfu_full_square", plan.mfu_full_square);
  json.key("step_parts").begin_object();
  for (const StepPart& part : step_parts(step)) json.entry(part.key, part.seconds);
  json.end_object().end_object();
}

void write_memory(JsonWriter& json, const Candidate& choice) {
  const MemoryCapacity& capacity = choice.capacity;
  json.key("memory").begin_object();
  json.entry("total_bytes", choice.layout.memory.total())
      .entry("usable_bytes", capacity.usable_bytes())
      .entry("device_bytes", capacity.device_bytes)
      .entry("runtime_bytes", capacity.runtime_bytes)
      .entry("fragmentation_bytes", capacity.fragmentation_bytes);
  json.key("terms_bytes").begin_object();
  for (const auto& [term, bytes] : choice.layout.memory.terms()) json.entry(term, bytes);
  json.end_object().end_object();
}

void write_layouts(JsonWriter& json, const Plan& plan) {
  json.key("layouts").begin_object();
  json.entry("tried", plan.layouts.tried).entry("fitting", plan.layouts.fitting);
  json.key("rejected").begin_array();
  for (const RejectedLayouts& rejected : plan.layouts.rejected) {
    json.begin_object()
        .entry("largest_term", rejected.largest_term)
        .entry("layouts", rejected.layouts)
        .entry("faster_than_choice", rejected.faster)
        .entry("fastest", rejected.fastest.text())
        .entry("step_s", rejected.fastest.step_time.total())
        .entry("memory_bytes", rejected.fastest.memory.total())
        .end_object();
  }
  json.end_array().end_object();
}

void write_optimizer(JsonWriter& json, const TrainConfig& config) {
  json.key("optimizer").begin_object();
  json.entry("kind", enum_name(kOptimizerKindNames, config.optimizer.kind))
      .entry("lr", config.optimizer.lr)
      .entry("warmup_steps", config.schedule.warmup_steps)
      .entry("min_lr_fraction", config.schedule.min_lr_fraction)
      .entry("weight_decay", config.optimizer.weight_decay)
      .entry("beta1", config.optimizer.beta1)
      .entry("beta2", config.optimizer.beta2)
      .entry("grad_clip", config.optimizer.grad_clip);
  json.end_object();
}

void write_designs(JsonWriter& json, const Plan& plan) {
  json.key("designs").begin_array();
  for (const Design& design : plan.designs) {
    json.begin_object().entry("what", design.what);
    write_design(json, design.candidate);
    json.end_object();
  }
  json.end_array().key("partitions").begin_array();
  for (const Candidate& other : plan.others) {
    json.begin_object();
    write_design(json, other);
    write_loss(json, other.loss);
    json.end_object();
  }
  json.end_array().key("front").begin_array();
  for (const FrontPoint& point : plan.front) {
    json.begin_object();
    write_design(json, point.candidate);
    json.entry("least_device_hours", point.least_hours)
        .entry("least_cost", point.least_money)
        .entry("least_energy", point.least_energy);
    json.end_object();
  }
  json.end_array();
}

/// The job that measures before the training starts.
void write_pilot(JsonWriter& json, const PilotPlan& pilot) {
  if (pilot.runs.empty()) return;
  json.key("pilot").begin_object();
  json.entry("layouts", static_cast<int64_t>(pilot.layouts))
      .entry("rounds", pilot.rounds)
      .entry("expected_s", pilot.expected_s)
      .entry("wall_s", pilot.wall_s);
  json.key("runs").begin_array();
  for (const PilotRun& run : pilot.runs) {
    json.begin_object()
        .entry("run", run.config.run.name)
        .entry("layout", run.layout.text())
        .entry("steps", run.config.schedule.steps)
        .entry("step_s", run.layout.step_time.total())
        .end_object();
  }
  json.end_array().end_object();
}

}  // namespace

std::string plan_json(const Plan& plan, const PlanRequest& request, const PilotPlan& pilot) {
  JsonWriter json;
  json.begin_object();
  json.entry("written_by", kPlanJsonSignature)
      .entry("cluster", request.cluster.name)
      .entry("run", request.name)
      .entry("runnable", plan.not_runnable.empty());
  write_texts(json, "not_runnable_because_of", plan.not_runnable);
  json.key("job").begin_object();
  write_job(json, plan.choice);
  json.end_object().key("loss").begin_object();
  write_loss(json, plan.choice.loss);
  json.entry("law", request.law.name).end_object();
  json.entry("limited_by", plan.limited_by);
  if (!plan.reason.empty()) json.entry("partition_because", plan.reason);
  write_shape(json, plan);
  write_tokens(json, plan, request);
  write_optimizer(json, plan.config);
  write_speed(json, plan);
  write_intervals(json, plan.intervals);
  write_time(json, plan.choice);
  write_memory(json, plan.choice);
  write_layouts(json, plan);
  write_pilot(json, pilot);
  write_designs(json, plan);
  write_texts(json, "notes", plan.notes);
  return json.end_object().text();
}

}  // namespace isoflop
