// SPDX-License-Identifier: MIT
#include "modelled/modelled_jobs.hpp"

#include "core/model/model_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace isoflop::test {

TrainConfig config_of(const ModelledJob& job) {
  TrainConfig config;
  config.run.name = "modelled";
  config.model =
      load_model(fmt::format("{}/configs/models/{}.yaml", ISOFLOP_SOURCE_DIR, job.model));
  config.model.max_seq_len = std::max(config.model.max_seq_len, job.seq_len);
  config.data.seq_len = job.seq_len;
  config.precision = job.precision;
  config.device.kind = DeviceKind::cuda;
  config.device.deterministic = job.deterministic;
  config.data.document_mask = job.document_mask;
  config.model.dropout = job.dropout;
  config.layout.recompute = job.recompute;
  config.layout.strategy = job.strategy;
  config.layout.fsdp.reshard_after_forward = job.reshard_after_forward;
  config.device.nccl_registration = job.nccl_registration;
  config.layout.micro_batch_size = job.micro_batch_size;
  config.layout.global_batch_size = job.n_gpu * job.micro_batch_size * job.micro_steps;
  config.layout.n_ranks = job.n_gpu;
  if (job.strategy == ParallelStrategy::hsdp) config.layout.n_shard = kGpusPerNode;
  config.schedule.steps = 100;
  config.optimizer.kind = job.optimizer;
  return config;
}

void PrintTo(const ModelledJob& job, std::ostream* out) {
  std::string model = job.model;
  std::replace_if(
      model.begin(), model.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  *out << model << '_' << enum_name(kStrategyNames, job.strategy)
       << (job.reshard_after_forward ? "" : "_not_resharded")
       << (job.optimizer == OptimizerKind::muon ? "_muon" : "")
       << (job.precision == Precision::bf16 ? "" : "_" + to_string(job.precision))
       << (job.recompute == Recompute::none ? "" : "_again_")
       << (job.recompute == Recompute::none ? "" : enum_name(kRecomputeNames, job.recompute))
       << (job.deterministic ? "_deterministic" : "") << (job.document_mask ? "_documents" : "")
       << (job.dropout > 0 ? "_dropout" : "");
  if (job.nccl_registration != NcclRegistration::off)
    *out << "_registered_" << enum_name(kNcclRegistrationNames, job.nccl_registration);
}

std::string describe(const TrainConfig& config) {
  const int64_t micro_steps =
      config.layout.global_batch_size / (n_gpu_of(config) * config.layout.micro_batch_size);
  return fmt::format("{}, T = {}, {} x {} sequences, {}{}, {} H100", config.model.name,
                     config.data.seq_len, micro_steps, config.layout.micro_batch_size,
                     enum_name(kStrategyNames, config.layout.strategy),
                     config.layout.fsdp.reshard_after_forward ? "" : " not resharded",
                     n_gpu_of(config));
}

}  // namespace isoflop::test
