// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Where a run stands; the file is PARTIAL in every table until `done`.
/// stopped: ended by a signal (a time limit, scancel) or a deadline with steps left; nan: diverged.
enum class RunState { running, checkpointed, done, failed, nan, stopped };

/// "running", "checkpointed", ...
std::string to_string(RunState state);

/// Which run and which start of it a file belongs to.
struct RunIdentity {
  std::string run_id{};           ///< shared by all segments of a run
  int32_t segment = 0;            ///< RunSegment::number of this job start
  int64_t resumed_from_step = 0;  ///< steps done in the checkpoint this start continues; 0 for none
  std::string created{};          ///< ISO 8601 UTC (utc_timestamp())
  std::string creator{};          ///< program and version
  std::string git_commit{};
  std::string plan_sha256{};
  std::string cluster{};
  std::string slurm_job_id{};
  std::optional<int32_t> slurm_array_task_id{};
  std::optional<int32_t> slurm_restart_count{};
};

/// What is trained; absent texts are empty.
struct RunConfig {
  std::string model_name{};       ///< short name for tables
  int64_t n_params = 0;           ///< all trainable parameters
  int64_t n_params_nonembed = 0;  ///< without embeddings and output projection
  int64_t n_params_active = 0;    ///< used by one token (MoE); equals n_params for dense models
  int32_t n_layer = 0;
  int32_t d_model = 0;
  int32_t n_head = 0;
  int32_t n_kv_head = 0;
  int32_t d_ff = 0;
  int32_t seq_len = 0;
  int32_t vocab_size = 0;
  int64_t global_batch_tokens = 0;
  int64_t tokens_target = 0;
  int64_t steps_target = 0;
  std::string precision{};  ///< "fp32", "bf16", ...
  std::string optimizer{};  ///< "adamw", "muon"
  std::optional<double> lr_peak{};
  int64_t seed = 0;
  std::string tokenizer{};  ///< losses are comparable only under the same tokenizer
  std::string data{};       ///< name or path of the training data
  std::string yaml{};       ///< the complete configuration, runs again as it is
  std::vector<std::string> argv{};
};

/// How the run is spread over devices.
struct RunLayout {
  std::string strategy{};  ///< "ddp", "zero1", "zero2", "fsdp", "hsdp"
  int32_t n_shard = 1;
  int32_t n_replica = 1;
  int32_t micro_batch_size = 0;  ///< sequences per device and micro step
  int32_t grad_accum_steps = 1;
  std::string recompute{};  ///< "none", "full", "selective (norms)", "full for blocks 0-7"
};

/// One rank's place.
struct RunNode {
  int32_t rank = 0;
  std::string node{};
  int32_t local_rank = 0;
  std::string gpu_uuid{};
  std::string network_switch{};
};

struct RunHardware {
  int32_t world_size = 1;
  int32_t gpus_per_node = 0;  ///< devices per node; 0 when unknown
  std::string gpu_name{};     ///< device, a CPU's name on CPUs
  std::optional<double>
      peak_flops;  ///< dense FLOP/s of one device, the divisor of mfu; absent for an unknown device
  std::string peak_flops_source{};
  std::string peak_flops_precision{};        ///< "bf16", ...
  std::optional<double> mem_capacity_gib{};  ///< per device
  std::string nccl_version{};
  std::string driver{};
  std::vector<RunNode> nodes{};  ///< one per rank; may be empty
};

/// The definition of FLOPs that tflops and mfu use.
struct RunFlops {
  double model_flops_per_token = 0;  ///< forward and backward, recomputation not counted
  std::string formula{};
  bool counts_attention = true;
  bool counts_embedding = false;
  std::optional<double>
      model_flops_per_token_full_attention;  ///< same, attention not halved for causality
  double recompute_factor = 1.0;             ///< hardware FLOPs / model FLOPs (HFU / MFU)
};

/// What the plan promised; absent where it made no promise.
struct RunPrediction {
  std::optional<double> step_s{};
  std::optional<double> tokens_per_s{};
  std::optional<double> mfu{};
  std::optional<double> loss{};          ///< validation loss at tokens_target, nats per token
  std::optional<double> mem_peak_gib{};  ///< per device
  std::optional<double> wall_s{};
  std::string law{};  ///< scaling law behind `loss`
};

/// Everything that is written before the first step; none of it changes later.
struct RunHeader {
  RunIdentity identity;
  RunConfig config;
  RunLayout layout;
  RunHardware hardware;
  RunFlops flops;
  RunPrediction prediction;
  std::vector<std::string>
      unit_names;  ///< columns of the layer-norm matrices (at most 63 bytes each); may be empty
};

}  // namespace isoflop
