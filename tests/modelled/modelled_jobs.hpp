// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

#include <iosfwd>
#include <string>

namespace isoflop::test {

inline constexpr int kGpusPerNode = 8;  ///< H100 SXM

/// Training on them. `strategy` with the settings it has by default; hsdp shards within a
/// node.
struct ModelledJob {
  std::string model;  ///< of configs/models
  int64_t seq_len = 0;
  int64_t micro_batch_size = 1;
  int64_t micro_steps = 1;
  ParallelStrategy strategy = ParallelStrategy::fsdp;
  bool reshard_after_forward = true;
  int n_gpu = kGpusPerNode;
  NcclRegistration nccl_registration = NcclRegistration::off;
  OptimizerKind optimizer = OptimizerKind::adamw;
  Precision precision = Precision::bf16;
  Recompute recompute = Recompute::none;
  bool deterministic = false;
  bool document_mask = false;
  double dropout = 0;
};

TrainConfig config_of(const ModelledJob& job);
/// Of all GPUs.
inline int n_gpu_of(const TrainConfig& config) { return static_cast<int>(*config.layout.n_ranks); }

/// "llama3_8b_fsdp", as tests are named.
void PrintTo(const ModelledJob& job, std::ostream* out);

/// "llama3-8b, T = 8192, 1 x 1 sequences, fsdp, 8 H100"
std::string describe(const TrainConfig& config);

}  // namespace isoflop::test
