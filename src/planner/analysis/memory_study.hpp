// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/device_spec.hpp"
#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/layout.hpp"
#include "core/parallel/memory_model.hpp"
#include "planner/layout_search.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace isoflop {

struct MemoryStudyRequest {
  const ModelShape& shape;
  const DeviceSpec& gpu;
  int64_t n_gpu = 8;
  int64_t gpus_per_node = 8;
  int64_t micro_batch_size = 1;
  int64_t seq_len = 0;
  Precision precision = Precision::bf16;
  std::optional<std::filesystem::path> calibration = std::nullopt;  ///< not data/calibration.yaml
};

/// One way to train and what one GPU holds of it.
struct MemoryRow {
  Layout layout;
  OptimizerKind optimizer = OptimizerKind::adamw;
  AttentionBackend attention = AttentionBackend::automatic;  ///< or manual: all scores kept
  MemoryEstimate memory;
  bool fits = false;
};

struct MemoryStudy {
  MemoryCapacity capacity;
  /// Every strategy the GPUs allow, with AdamW and Muon, recompute none, selective and full, flash
  /// and manual attention, in this order. One GPU has ddp alone; hsdp needs two or more replicas of
  /// two or more shards.
  std::vector<MemoryRow> rows;
};

/// Memory is that of estimate_any_memory. Throws ConfigError for sizes below one and a sequence the
/// model has no positions for.
MemoryStudy study_memory(const MemoryStudyRequest& request);

}  // namespace isoflop
