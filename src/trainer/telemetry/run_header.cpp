// SPDX-License-Identifier: MIT
#include "trainer/telemetry/run_header.hpp"

#include "core/base/build_info.hpp"
#include "core/base/format.hpp"
#include "core/model/flops.hpp"
#include "core/model/param_count.hpp"

#include <charconv>
#include <cstdlib>

namespace isoflop {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

std::optional<int32_t> integer_environment(const char* name) {
  const std::string text = environment(name);
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && !text.empty() && end == text.data() + text.size()
             ? std::optional(value)
             : std::nullopt;
}

RunIdentity make_identity(const RunContext& context) {
  RunIdentity identity;
  identity.run_id = context.config.run.name;
  identity.resumed_from_step = context.resumed_from_step;
  identity.created = utc_timestamp();
  identity.creator = "isoflop trainer " + build_version();
  identity.git_commit = build_commit();
  identity.cluster = context.config.prediction ? context.config.prediction->cluster
                                               : environment("SLURM_CLUSTER_NAME");
  identity.slurm_job_id = environment("SLURM_JOB_ID");
  identity.slurm_array_task_id = integer_environment("SLURM_ARRAY_TASK_ID");
  identity.slurm_restart_count = integer_environment("SLURM_RESTART_COUNT");
  return identity;
}

RunConfig make_config(const RunContext& context) {
  const TrainConfig& config = context.config;
  const ModelShape& model = config.model;
  const ParamCount params = count_params(model);
  RunConfig recorded;
  recorded.model_name = short_name(model);
  recorded.n_params = params.total();
  recorded.n_params_nonembed = params.non_embedding();
  recorded.n_params_active = params.active();
  recorded.n_layer = static_cast<int32_t>(model.n_layer);
  recorded.d_model = static_cast<int32_t>(model.d_model);
  recorded.n_head = static_cast<int32_t>(model.n_head);
  recorded.n_kv_head = static_cast<int32_t>(model.n_kv_head);
  recorded.d_ff = static_cast<int32_t>(model.d_ff);
  recorded.seq_len = static_cast<int32_t>(config.data.seq_len);
  recorded.vocab_size = static_cast<int32_t>(model.vocab_size);
  recorded.global_batch_tokens = config.tokens_per_step();
  recorded.tokens_target = config.total_tokens();
  recorded.steps_target = config.schedule.steps;
  recorded.precision = to_string(config.precision);
  recorded.optimizer = enum_name(kOptimizerKindNames, config.optimizer.kind);
  recorded.lr_peak = config.optimizer.lr;
  recorded.seed = config.run.seed;
  recorded.tokenizer = context.tokenizer;
  recorded.data = config.data.path.string();
  recorded.yaml = context.config_yaml;
  recorded.argv = context.argv;
  return recorded;
}

RunLayout make_layout(const Layout& layout) {
  RunLayout recorded;
  recorded.strategy = enum_name(kStrategyNames, layout.strategy);
  recorded.n_shard = static_cast<int32_t>(layout.n_shard);
  recorded.n_replica = static_cast<int32_t>(layout.n_replica);
  recorded.micro_batch_size = static_cast<int32_t>(layout.micro_batch_size);
  recorded.grad_accum_steps = static_cast<int32_t>(layout.grad_accum_steps);
  recorded.recompute = to_string(layout.recompute);
  return recorded;
}

RunHardware make_hardware(const RunContext& context) {
  RunHardware hardware;
  hardware.world_size = static_cast<int32_t>(context.ranks.size());
  hardware.gpus_per_node = context.ranks.front().local_size;
  const DeviceConfig& device = context.config.device;
  hardware.gpu_name = device.name.empty() ? context.device_description : device.name;
  if (device.peak_tflops) hardware.peak_flops = *device.peak_tflops * 1e12;
  hardware.peak_flops_source = device.peak_source;
  hardware.peak_flops_precision = to_string(context.config.precision);
  for (const RankInfo& rank : context.ranks) {
    hardware.nodes.push_back({.rank = rank.rank,
                              .node = rank.host,
                              .local_rank = rank.local_rank,
                              .gpu_uuid = "",
                              .network_switch = ""});
  }
  return hardware;
}

RunFlops make_flops(const RunContext& context) {
  const TrainConfig& config = context.config;
  RunFlops flops;
  flops.model_flops_per_token =
      train_flops_per_token(config.model, config.data.seq_len, AttentionFlops::causal);
  flops.model_flops_per_token_full_attention =
      train_flops_per_token(config.model, config.data.seq_len, AttentionFlops::full_square);
  flops.formula = kFlopsFormula;
  flops.recompute_factor = recompute_factor(config.model, context.layout.recompute,
                                            config.data.seq_len, AttentionFlops::causal);
  return flops;
}

RunPrediction make_prediction(const TrainConfig& config) {
  RunPrediction recorded;
  if (!config.prediction) return recorded;
  const Prediction& prediction = *config.prediction;
  recorded.step_s = prediction.step_s;
  recorded.tokens_per_s = static_cast<double>(config.tokens_per_step()) / prediction.step_s;
  recorded.mfu = prediction.mfu;
  recorded.loss = prediction.loss;
  recorded.mem_peak_gib = prediction.memory_gib;
  recorded.wall_s = prediction.wall_s;
  recorded.law = prediction.loss_law;
  return recorded;
}

}  // namespace

RunHeader make_run_header(const RunContext& context) {
  RunHeader header;
  header.identity = make_identity(context);
  header.config = make_config(context);
  header.layout = make_layout(context.layout);
  header.hardware = make_hardware(context);
  header.flops = make_flops(context);
  header.prediction = make_prediction(context.config);
  for (const ModelUnit& unit : context.flat_layout.model_units)
    header.unit_names.push_back(unit.name);
  return header;
}

}  // namespace isoflop
