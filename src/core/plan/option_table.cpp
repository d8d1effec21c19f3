// SPDX-License-Identifier: MIT
#include "core/plan/option_table.hpp"

#include "core/model/architecture.hpp"
#include "core/plan/train_config.hpp"
#include "core/plan/train_config_names.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

constexpr const char* kRequired = "required";
constexpr const char* kWhole = "whole number";
constexpr const char* kNumber = "number";
constexpr const char* kFlag = "true, false";

/// The `name` of every row of a table.
template <typename Rows>
std::string words(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) text += fmt::format("{}{}", text.empty() ? "" : ", ", row.name);
  return text;
}

std::string text(bool value) { return value ? "true" : "false"; }
std::string text(int64_t value) { return fmt::format("{}", value); }
std::string text(double value) { return fmt::format("{}", value); }

using Options = std::vector<Option>;

Options run_options() {
  const RunOptions run;
  return {
      {"run.name", "text", kRequired, "run id; run files are OUT/NAME.sNNN.h5"},
      {"run.out", "folder", run.out.string(), "relative to the working directory"},
      {"run.seed", kWhole, text(run.seed), "of initial weights, data order and dropout"},
      {"run.log_interval", "steps", text(run.log_interval), "between progress lines"},
  };
}

Options model_sizes() {
  return {
      {"model.preset", words(model_presets()), "custom", "components that are left out below"},
      {"model.file", "file", "none", "model file for keys that are left out, relative to this one"},
      {"model.name", "text", "short name", "printed and recorded"},
      {"model.n_layer", kWhole, kRequired, "blocks"},
      {"model.d_model", kWhole, kRequired, "width of the residual stream"},
      {"model.n_head", kWhole, kRequired, "query heads"},
      {"model.n_kv_head", kWhole, "n_head", "key and value heads: fewer is GQA, 1 is MQA"},
      {"model.d_head", kWhole, "d_model / n_head", "width of a head"},
      {"model.d_ff", kWhole, "4 d_model; gated: 8/3 d_model, rounded up to a multiple of 64",
       "hidden width of the FFN"},
      {"model.vocab_size", kWhole, "required; gpt2: 50257", "tokens"},
      {"model.max_seq_len", kWhole, "required; gpt2: 1024",
       "rows of a learned position table; longest sequence otherwise"},
  };
}

/// Defaults are those of preset custom.
Options model_components() {
  const ModelShape model;
  return {
      {"model.normalization", words(kNormRows), std::string(row_of(model.norm).name), "norm"},
      {"model.norm_position", words(kNormPositionRows),
       std::string(row_of(model.norm_position).name),
       "before each sub-layer and once at the end, or after each residual sum"},
      {"model.ffn_type", words(kFfnRows) + ", swiglu", "swiglu",
       "down(act(up x)), or down(act(gate x) up x); swiglu is gated with silu"},
      {"model.activation", words(kActivationRows), std::string(row_of(model.activation).name),
       "of the FFN; gelu_tanh is GPT-2's"},
      {"model.position_encoding", words(kPositionRows), std::string(row_of(model.position).name),
       "how tokens know their places"},
      {"model.rope_theta", kNumber, text(model.rope_theta),
       "base of rotary positions; with position_encoding rope"},
      {"model.attention_backend", words(kAttentionBackendRows),
       std::string(row_of(model.attention_backend).name),
       "vendor kernel (GPUs), own tiled softmax of linear memory, or all scores kept; auto: the "
       "best there is"},
      {"model.attention_strict", kFlag, text(model.attention_strict),
       "refuse to run where that backend, not auto, is missing instead of taking the next"},
      {"model.bias", kFlag, "false",
       "of all products; qkv_bias, attention_out_bias, ffn_bias: each"},
      {"model.weight_tying", kFlag, text(model.tied_embeddings),
       "the output projection is the token table"},
      {"model.qk_norm", kFlag, text(model.qk_norm), "norms of queries and keys over d_head"},
      {"model.norm_eps", kNumber, text(model.norm_eps), "added to the variance"},
      {"model.dropout", "0 to below 1", text(model.dropout),
       "of the embedding, attention probabilities and sub-layers' outputs"},
      {"model.z_loss", kNumber, text(model.z_loss), "coefficient of log(Z)^2 beside the loss"},
      {"model.init_std", kNumber, text(model.init_std), "of matrices and tables at the start"},
      {"model.depth_scaled_init", kFlag, text(model.depth_scaled_init),
       "matrices that write to the residual stream start with init_std / sqrt(2 n_layer)"},
  };
}

Options data_and_layout_options() {
  const LayoutConfig layout;
  return {
      {"data.path", "folder", kRequired, "what tokenize wrote, relative to the working directory"},
      {"data.seq_len", "tokens", kRequired, "of one sequence"},
      {"data.document_mask", kFlag, text(DataConfig{}.document_mask),
       "attention sees no token of another document in the same sequence"},
      {"data.verify", kFlag, text(DataConfig{}.verify),
       "compare the checksums of all shards at the start, each rank some of them"},
      {"layout.strategy", words(kStrategyNames), enum_name(kStrategyNames, layout.strategy),
       "what is sharded over ranks: nothing; optimizer state; gradients too; parameters too, over "
       "all ranks or over n_shard of them"},
      {"layout.n_ranks", kWhole, "any", "refuse to run on another number of ranks"},
      {"layout.n_shard", kWhole, "required with hsdp",
       "hsdp: ranks that share one copy of the model, best those of a node"},
      {"layout.micro_batch_size", "sequences", kRequired, "per rank and micro step"},
      {"layout.global_batch_size", "sequences", kRequired,
       "per optimizer step over all ranks; the rest is gradient accumulation"},
      {"layout.recompute",
       words(kRecomputeNames) + "; {mode, ops}; or a list of {blocks, mode, ops}",
       to_string(layout.recompute),
       "run again in backward to save memory: full all of a block but its input, selective its ops "
       "(" +
           words(kRecomputeOpNames) +
           "; default: all three); blocks: 0-7, those not named keep everything"},
      {"fsdp.reshard_after_forward", kFlag, text(layout.fsdp.reshard_after_forward),
       "fsdp, hsdp: gather parameters again for backward; false keeps them: more memory, less "
       "traffic"},
      {"fsdp.min_unit_params", kWhole, text(layout.fsdp.min_unit_params),
       "fsdp, hsdp: blocks are gathered and reduced together until they have this many parameters"},
      {"precision", words(kTrainingPrecisionNames), "fp32",
       "of products and activations; master weights, gradients and reductions are fp32; tf32: "
       "planner only"},
  };
}

Options optimizer_options() {
  const OptimizerConfig optimizer;
  return {
      {"optimizer.kind", words(kOptimizerKindNames), enum_name(kOptimizerKindNames, optimizer.kind),
       "muon: of the matrices of blocks, adamw for the rest"},
      {"optimizer.lr", kNumber, kRequired, "peak learning rate"},
      {"optimizer.beta1", "0 to below 1", text(optimizer.beta1), "of the first moment"},
      {"optimizer.beta2", "0 to below 1", text(optimizer.beta2), "of the second moment"},
      {"optimizer.eps", kNumber, text(optimizer.eps), "added to the root of the second moment"},
      {"optimizer.weight_decay", kNumber, text(optimizer.weight_decay),
       "of matrices; vectors and embeddings do not decay"},
      {"optimizer.grad_clip", kNumber, text(optimizer.grad_clip),
       "largest global gradient norm; 0: no clipping"},
      {"optimizer.momentum", "0 to below 1", text(optimizer.momentum), "muon"},
      {"optimizer.nesterov", kFlag, text(optimizer.nesterov), "muon: momentum of Nesterov's form"},
      {"optimizer.iterations", "1 to 100", text(optimizer.iterations),
       "muon: of Newton-Schulz, which makes an update orthogonal"},
  };
}

Options loss_scale_options() {
  const LossScaleConfig loss_scale;
  return {
      {"loss_scale.initial", "power of two", text(loss_scale.initial),
       "fp16: gradients are taken of the loss times this"},
      {"loss_scale.growth_interval", "steps", text(loss_scale.growth_interval),
       "fp16: in a row without overflow before it doubles; an overflow skips the step and halves "
       "it"},
  };
}

Options schedule_options() {
  const ScheduleConfig schedule;
  return {
      {"schedule.kind", words(kScheduleKindNames), enum_name(kScheduleKindNames, schedule.kind),
       "what follows the linear warm-up"},
      {"schedule.steps", "steps", "required, or tokens", "length of the run"},
      {"schedule.tokens", "tokens", "required, or steps", "length, rounded up to whole steps"},
      {"schedule.warmup_steps", "steps", text(schedule.warmup_steps), "from 0 to the peak"},
      {"schedule.min_lr_fraction", "0 to 1", text(schedule.min_lr_fraction),
       "of the peak, at the last step; not with constant"},
      {"schedule.decay_fraction", "0 to 1", text(schedule.decay_fraction),
       "wsd: the decay's share of all steps"},
      {"schedule.decay_shape", words(kDecayShapeNames),
       enum_name(kDecayShapeNames, schedule.decay_shape), "wsd: how it comes down"},
      {"schedule.batch_ramp", "start, increment, steps", "none",
       "the batch rises from start to global_batch_size over the first steps"},
      {"schedule.end", words(kScheduleEndNames), enum_name(kScheduleEndNames, schedule.end()),
       "deadline: wsd starts its decay so that it ends in time"},
      {"schedule.deadline", "UTC time, +HH:MM:SS, slurm", "none",
       "when the run must be over; slurm: the job's end"},
  };
}

Options eval_and_metrics_options() {
  const EvalConfig eval;
  const MetricsConfig metrics;
  return {
      {"eval.interval", "steps", text(eval.interval), "between validations; 0: only at the end"},
      {"eval.sequences", kWhole, text(eval.sequences), "validation sequences looked at"},
      {"metrics.gradient_interval", "steps", text(metrics.gradient_interval),
       "between rows of gradient statistics, norms by layer and times by rank; 0: none"},
  };
}

Options log_options() {
  const LogConfig log;
  return {
      {"log.json", kFlag, text(log.json),
       "write the run, over all its starts, to OUT/NAME.json when a start ends"},
      {"log.progress", words(kProgressDisplayNames), enum_name(kProgressDisplayNames, log.progress),
       "a progress bar below the log; auto: where that goes to a terminal, unless TERM is dumb"},
  };
}

Options checkpoint_options() {
  const CheckpointConfig checkpoint;
  return {
      {"checkpoint.interval_minutes", kNumber, text(checkpoint.interval_minutes),
       "between two; 0: not by time"},
      {"checkpoint.interval", "steps", text(checkpoint.interval), "between two; 0: not by steps"},
      {"checkpoint.at_end", kFlag, text(checkpoint.at_end),
       "one when the run is done or asked to stop"},
      {"checkpoint.keep", kWhole, text(checkpoint.keep), "the newest so many are kept"},
      {"checkpoint.milestone_interval", "steps", text(checkpoint.milestone_interval),
       "one is taken at its multiples and kept for ever; 0: none"},
      {"checkpoint.folder", "folder", "OUT/NAME.checkpoints", "a folder inside for each step"},
      {"checkpoint.asynchronous", kFlag, "true on GPUs",
       "write beside training, from a copy in host memory; on CPUs the copy is taken of the "
       "memory that training has"},
      {"checkpoint.resume", kFlag, text(checkpoint.resume),
       "go on from the newest checkpoint of this run"},
      {"checkpoint.from", "folder", "none",
       "a checkpoint of another run that a new run begins with, for example to branch a decay"},
  };
}

Options health_options() {
  const HealthConfig health;
  return {
      {"health.stall_factor", kNumber, text(health.stall_factor),
       "a run whose ranks stay in one phase of a step for so many median steps is ended and the "
       "rank named; 0: no watchdog"},
      {"health.stall_min_s", "seconds", text(health.stall_min_s), "that limit is at least this"},
      {"health.pause_limit_s", "seconds", text(health.pause_limit_s),
       "and at least this at the start, in the first steps, in evaluations and checkpoints and the "
       "steps after them, and at the end"},
      {"health.spike_sigma", kNumber, text(health.spike_sigma),
       "a loss so many deviations above its running mean is recorded as a spike; 0: none"},
  };
}

Options device_options() {
  const DeviceConfig device;
  return {
      {"device.kind", words(kDeviceKindNames), enum_name(kDeviceKindNames, device.kind),
       "auto: the GPU of every rank, or the CPU where no rank has one"},
      {"device.deterministic", kFlag, text(device.deterministic),
       "GPUs: the same bits in every run; CPUs always are"},
      {"device.time_products", kFlag, "true unless deterministic",
       "GPUs: algorithms of matrix products are chosen by timing them at the start, in some "
       "seconds, and go on with the run's checkpoints; false: the library's first choice, "
       "untried"},
      {"device.nccl_registration", words(kNcclRegistrationNames),
       enum_name(kNcclRegistrationNames, device.nccl_registration),
       "GPUs: local or symmetric let NCCL move parameters and gradients between the ranks' buffers "
       "without copies in between (NCCL 2.19; symmetric: 2.27, gathers within a node without SMs "
       "from 2.28 on); not with Muon"},
      {"device.graphs", kFlag, text(device.graphs),
       "GPUs: a block's kernels are launched as one CUDA graph; the same kernels either way"},
      {"device.fuse_gelu", kFlag, text(device.fuse_gelu),
       "H100, H200, B200 in bf16 and fp16: gelu_tanh of a standard FFN is computed within its "
       "matrix products; false: by kernels of its own"},
      {"device.name", "text", "the GPU's", "printed in tables"},
      {"device.peak_tflops", kNumber, "the GPU's; none for CPUs",
       "dense, of one rank and the precision: what MFU is divided by; without one there is no MFU"},
      {"device.peak_source", "text", "none", "where that figure is from"},
  };
}

}  // namespace

std::vector<Option> option_table() {
  Options all;
  for (const Options& part :
       {run_options(), model_sizes(), model_components(), data_and_layout_options(),
        loss_scale_options(), optimizer_options(), schedule_options(), eval_and_metrics_options(),
        checkpoint_options(), health_options(), log_options(), device_options()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::string option_table_markdown() {
  std::string markdown = "| Key | Values | Default | Meaning |\n|---|---|---|---|\n";
  for (const Option& option : option_table())
    markdown += fmt::format("| `{}` | {} | {} | {} |\n", option.key, option.values,
                            option.default_value, option.meaning);
  return markdown;
}

}  // namespace isoflop
