// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"

#include <string>

namespace isoflop::test {

inline constexpr int kModelledGpus = 8;  ///< H100 SXM of one node

/// Training in bf16 on them. `strategy` with the settings it has by default.
struct ModelledJob {
  std::string model;  ///< of configs/models
  int64_t seq_len = 0;
  int64_t micro_batch_size = 1;
  int64_t micro_steps = 1;
  ParallelStrategy strategy = ParallelStrategy::fsdp;
  bool reshard_after_forward = true;
};

TrainConfig config_of(const ModelledJob& job);

/// "llama3-8b, T = 8192, 1 x 1 sequences, fsdp, 8 H100"
std::string describe(const TrainConfig& config);

}  // namespace isoflop::test
