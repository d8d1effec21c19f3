// SPDX-License-Identifier: MIT
#include "planner/analysis/memory_study.hpp"

#include "planner/analysis/foreign_memory.hpp"
#include "planner/analysis/model_analysis.hpp"
#include "planner/calibration.hpp"
#include "planner/option_range.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// Of the largest systems and micro batches in use, tenfold and more.
void check(const MemoryStudyRequest& request) {
  require_seq_len(request.shape, request.seq_len);
  require_in_range("--gpus", request.n_gpu, 1 << 20);
  require_in_range("--gpus-per-node", request.gpus_per_node, 1 << 10);
  require_in_range("--micro-batch", request.micro_batch_size, 1 << 16);
}

/// The most shards of a node that leave two replicas or more; absent where none are left.
std::optional<int64_t> hsdp_shards(int64_t n_gpu, int64_t gpus_per_node) {
  for (int64_t n_shard = std::min(gpus_per_node, n_gpu / 2); n_shard > 1; --n_shard)
    if (n_gpu % n_shard == 0) return n_shard;
  return std::nullopt;
}

/// Ranks that share one copy under a strategy; absent where it is none of its own.
std::optional<int64_t> shards_of(ParallelStrategy strategy, const MemoryStudyRequest& request) {
  switch (strategy) {
    case ParallelStrategy::ddp:
      return 1;
    case ParallelStrategy::zero1:
    case ParallelStrategy::zero2:
    case ParallelStrategy::fsdp:
      return request.n_gpu > 1 ? std::optional(request.n_gpu) : std::nullopt;
    case ParallelStrategy::hsdp:
      return hsdp_shards(request.n_gpu, request.gpus_per_node);
  }
  return std::nullopt;
}

MemoryRow make_row(const MemoryStudyRequest& request, const Layout& layout, OptimizerKind optimizer,
                   AttentionBackend attention) {
  ModelShape shape = request.shape;
  shape.attention_backend = attention;
  const GpuKernels kernels = gpu_kernels(request.gpu.compute_capability).value_or(GpuKernels());
  MemoryRow row{.layout = layout, .optimizer = optimizer, .attention = attention, .memory = {}};
  row.memory = estimate_any_memory({.shape = shape,
                                    .layout = layout,
                                    .seq_len = request.seq_len,
                                    .precision = request.precision,
                                    .gpu = kernels,
                                    .optimizer = optimizer});
  return row;
}

std::vector<Layout> layouts_of(const MemoryStudyRequest& request) {
  std::vector<Layout> layouts;
  for (const auto& strategy : kStrategyNames) {
    const std::optional<int64_t> n_shard = shards_of(strategy.value, request);
    if (!n_shard) continue;
    layouts.push_back({.strategy = strategy.value,
                       .n_replica = request.n_gpu / *n_shard,
                       .n_shard = *n_shard,
                       .micro_batch_size = request.micro_batch_size});
  }
  return layouts;
}

void add_rows(const MemoryStudyRequest& request, Layout layout, OptimizerKind optimizer,
              std::vector<MemoryRow>& rows) {
  for (const auto& recompute : kRecomputeNames) {
    layout.recompute = recompute.value;
    for (const AttentionBackend attention : {AttentionBackend::automatic, AttentionBackend::manual})
      rows.push_back(make_row(request, layout, optimizer, attention));
  }
}

}  // namespace

MemoryStudy study_memory(const MemoryStudyRequest& request) {
  check(request);
  Partition alone;
  alone.device = request.gpu;
  alone.devices_per_node = 1;
  MemoryStudy study;
  study.capacity = memory_capacity(alone, load_calibration(request.gpu.kind, request.calibration));
  for (const Layout& layout : layouts_of(request))
    for (const OptimizerKind optimizer : {OptimizerKind::adamw, OptimizerKind::muon})
      add_rows(request, layout, optimizer, study.rows);
  for (MemoryRow& row : study.rows)
    row.fits = static_cast<double>(row.memory.total()) <= study.capacity.usable_bytes();
  return study;
}

}  // namespace isoflop
