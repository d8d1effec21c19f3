// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_header.hpp"

/// Which attribute holds which member of the header: visit(name, member) for each, the same list
/// for writing (const header) and reading.
namespace isoflop::run_schema {

template <typename Identity, typename Visit>
void visit_identity(Identity& identity, Visit&& visit) {
  visit("run_id", identity.run_id);
  visit("segment", identity.segment);
  visit("resumed_from_step", identity.resumed_from_step);
  visit("created", identity.created);
  visit("creator", identity.creator);
  visit("git_commit", identity.git_commit);
  visit("plan_sha256", identity.plan_sha256);
  visit("cluster", identity.cluster);
  visit("slurm_job_id", identity.slurm_job_id);
  visit("slurm_array_task_id", identity.slurm_array_task_id);
  visit("slurm_restart_count", identity.slurm_restart_count);
}

template <typename Config, typename Visit>
void visit_config(Config& config, Visit&& visit) {
  visit("model_name", config.model_name);
  visit("n_params", config.n_params);
  visit("n_params_nonembed", config.n_params_nonembed);
  visit("n_params_active", config.n_params_active);
  visit("n_layer", config.n_layer);
  visit("d_model", config.d_model);
  visit("n_head", config.n_head);
  visit("n_kv_head", config.n_kv_head);
  visit("d_ff", config.d_ff);
  visit("seq_len", config.seq_len);
  visit("vocab_size", config.vocab_size);
  visit("global_batch_tokens", config.global_batch_tokens);
  visit("tokens_target", config.tokens_target);
  visit("steps_target", config.steps_target);
  visit("precision", config.precision);
  visit("optimizer", config.optimizer);
  visit("lr_peak", config.lr_peak);
  visit("seed", config.seed);
  visit("tokenizer", config.tokenizer);
  visit("data", config.data);
}

template <typename Layout, typename Visit>
void visit_layout(Layout& layout, Visit&& visit) {
  visit("strategy", layout.strategy);
  visit("n_shard", layout.n_shard);
  visit("n_replica", layout.n_replica);
  visit("micro_batch_size", layout.micro_batch_size);
  visit("grad_accum_steps", layout.grad_accum_steps);
  visit("recompute", layout.recompute);
}

template <typename Hardware, typename Visit>
void visit_hardware(Hardware& hardware, Visit&& visit) {
  visit("world_size", hardware.world_size);
  visit("gpus_per_node", hardware.gpus_per_node);
  visit("gpu_name", hardware.gpu_name);
  visit("peak_flops", hardware.peak_flops);
  visit("peak_flops_source", hardware.peak_flops_source);
  visit("peak_flops_precision", hardware.peak_flops_precision);
  visit("mem_capacity_gib", hardware.mem_capacity_gib);
  visit("nccl_version", hardware.nccl_version);
  visit("driver", hardware.driver);
}

template <typename Flops, typename Visit>
void visit_flops(Flops& flops, Visit&& visit) {
  visit("model_flops_per_token", flops.model_flops_per_token);
  visit("formula", flops.formula);
  visit("counts_attention", flops.counts_attention);
  visit("counts_embedding", flops.counts_embedding);
  visit("model_flops_per_token_full_attention", flops.model_flops_per_token_full_attention);
  visit("recompute_factor", flops.recompute_factor);
}

template <typename Prediction, typename Visit>
void visit_prediction(Prediction& prediction, Visit&& visit) {
  visit("step_s", prediction.step_s);
  visit("tokens_per_s", prediction.tokens_per_s);
  visit("mfu", prediction.mfu);
  visit("loss", prediction.loss);
  visit("mem_peak_gib", prediction.mem_peak_gib);
  visit("wall_s", prediction.wall_s);
  visit("law", prediction.law);
}

}  // namespace isoflop::run_schema
