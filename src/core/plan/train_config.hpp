// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/layout.hpp"
#include "core/parallel/nccl_registration.hpp"
#include "core/plan/checkpoint_config.hpp"
#include "core/plan/health_config.hpp"
#include "core/plan/log_config.hpp"
#include "core/plan/loss_scale_config.hpp"
#include "core/plan/optimizer_config.hpp"
#include "core/plan/schedule_config.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// What a rank computes on. automatic: the GPU of every rank, or the CPU where no rank has one.
enum class DeviceKind { automatic, cpu, cuda };

/// run: identity and housekeeping.
struct RunOptions {
  std::string name;                    ///< run id; run files are <out>/<name>.s<NNN>.h5
  std::filesystem::path out = "runs";  ///< relative to the working directory
  int64_t seed = 1234;
  int64_t log_interval = 10;  ///< steps between progress lines

  bool operator==(const RunOptions&) const = default;
};

/// data: what is read.
struct DataConfig {
  /// Folder that tokenize wrote (dataset.yaml), relative to the working directory.
  std::filesystem::path path;
  int64_t seq_len = 0;
  /// Attention sees no token of another document; end-of-text tokens end documents.
  bool document_mask = false;
  bool verify = true;  ///< checksums of all shards when a run starts

  bool operator==(const DataConfig&) const = default;
};

/// fsdp: of strategies fsdp and hsdp; means as in Layout.
struct FsdpConfig {
  bool reshard_after_forward = true;
  int64_t min_unit_params = 0;

  bool operator==(const FsdpConfig&) const = default;
};

/// layout: how the run is spread. Without n_ranks the run takes whatever is launched; the global
/// batch stays.
struct LayoutConfig {
  ParallelStrategy strategy = ParallelStrategy::ddp;
  std::optional<int64_t> n_ranks = std::nullopt;
  std::optional<int64_t> n_shard = std::nullopt;  ///< hsdp: ranks that share a copy of the model
  int64_t micro_batch_size = 0;                   ///< sequences per rank and micro step
  int64_t global_batch_size = 0;                  ///< sequences per optimizer step
  RecomputePlan recompute = Recompute::none;
  FsdpConfig fsdp = {};  ///< the section of that name

  bool operator==(const LayoutConfig&) const = default;
};

/// eval: validation loss every `interval` steps (0: only at the end) over the first `sequences`
/// validation windows.
struct EvalConfig {
  int64_t interval = 0;
  int64_t sequences = 64;

  bool operator==(const EvalConfig&) const = default;
};

/// metrics: steps between rows of gradient statistics, norms and times by rank (0: none).
struct MetricsConfig {
  int64_t gradient_interval = 10;

  /// The first step has rows, and every gradient_interval-th.
  bool due(int64_t step) const {
    return gradient_interval > 0 && (step == 1 || step % gradient_interval == 0);
  }

  bool operator==(const MetricsConfig&) const = default;
};

/// device: what a rank runs on, and the peak that MFU is divided by (absent: the catalogue's of the
/// GPU that is there; MFU is not reported for others).
struct DeviceConfig {
  DeviceKind kind = DeviceKind::automatic;
  bool deterministic = false;  ///< the same bits in every run; CPUs always are
  /// GPUs: algorithms of matrix products are chosen by timing them at the start.
  std::optional<bool> time_products = std::nullopt;
  /// Off until it was measured. By NCCL's documentation both are safe, as equal buffers are
  /// registered on all ranks or on none; but collectives on registered memory have hung
  /// (github.com/NVIDIA/nccl/issues/2241 and 2389, with NCCL 2.29).
  NcclRegistration nccl_registration = NcclRegistration::off;
  bool graphs = true;     ///< GPUs: blocks are launched as CUDA graphs
  bool fuse_gelu = true;  ///< GPUs: core/parallel/fused_gelu.hpp
  std::string name;
  std::optional<double> peak_tflops = std::nullopt;  ///< dense, of the training precision, per rank
  std::string peak_source;

  /// What `time_products` comes to: where it is not said, two runs of one configuration must not
  /// part by what a clock shows if they are to be the same.
  bool times_products() const { return time_products.value_or(!deterministic); }

  bool operator==(const DeviceConfig&) const = default;
};

/// prediction: what the planner expects; recorded in the run file and compared by report.
struct Prediction {
  std::string cluster;
  double step_s = 0;
  double mfu = 0;         ///< causal FLOPs
  double memory_gib = 0;  ///< per rank, the trainer's own allocations
  double wall_s = 0;
  std::optional<double> loss = std::nullopt;  ///< nats per token
  std::string loss_law;                       ///< the law used, or why there is no prediction

  bool operator==(const Prediction&) const = default;
};

/// Everything a training run is made of: what plan.yaml and train.yaml hold, what the run file
/// keeps verbatim.
struct TrainConfig {
  RunOptions run;
  ModelShape model;
  DataConfig data;
  LayoutConfig layout;
  Precision precision = Precision::fp32;
  LossScaleConfig loss_scale;  ///< precision fp16
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  EvalConfig eval;
  CheckpointConfig checkpoint;
  MetricsConfig metrics;
  HealthConfig health;
  LogConfig log;
  DeviceConfig device;
  std::optional<Prediction> prediction;

  /// Of the full batch; steps on schedule.batch_ramp have fewer.
  int64_t tokens_per_step() const { return layout.global_batch_size * data.seq_len; }
  std::filesystem::path checkpoint_folder() const {
    return checkpoint.folder.empty() ? run.out / (run.name + ".checkpoints") : checkpoint.folder;
  }
  BatchSchedule batches() const {
    return BatchSchedule(layout.global_batch_size, schedule.batch_ramp);
  }
  /// When all steps are trained.
  int64_t total_tokens() const {
    return batches().samples_before(schedule.steps + 1) * data.seq_len;
  }

  bool operator==(const TrainConfig&) const = default;
};

/// Sections run, model (a map, or the path of a model file relative to this one), data, layout,
/// fsdp (fsdp and hsdp only), precision (default fp32), loss_scale (fp16 only), optimizer,
/// schedule, eval, checkpoint, metrics, health, log, device, prediction; fsdp, loss_scale and the
/// last seven may be left out. Unknown keys are errors; values are checked (positive sizes, batch
/// divisible by micro batch, seq_len within the model's positions, betas in [0, 1), warm-up below
/// steps ...). Throws ConfigError with file, line and key.
TrainConfig read_train_config(const ConfigNode& root);

/// The configuration as YAML that read_train_config reads back equal; `header` becomes comment
/// lines at the top.
std::string write_train_config(const TrainConfig& config, const std::string& header);

/// The layout on `world_size` ranks. Throws ConfigError when n_ranks differs from it, n_shard does
/// not divide it, or the global batch is not a multiple of world_size x micro_batch_size or takes
/// more than 2^16 micro steps, with what to change.
Layout resolve_layout(const LayoutConfig& config, int64_t world_size);

/// Every batch is whole micro steps of all ranks. Throws ConfigError that names the first that is
/// not, with what to change.
void check_batch_sizes(const BatchSchedule& batches, const Layout& layout);

}  // namespace isoflop
