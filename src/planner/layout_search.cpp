// SPDX-License-Identifier: MIT
#include "planner/layout_search.hpp"

#include "core/base/format.hpp"
#include "planner/critical_batch.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace isoflop {

namespace {

/// A rank's share of the host memory on CPU nodes, when the cluster file states it.
double device_bytes(const Partition& partition) {
  const double own = partition.device.mem_bytes();
  if (partition.device.kind == DeviceClass::gpu || !partition.mem_gb_per_node) return own;
  return std::min(own, *partition.mem_gb_per_node * 1e9 / partition.devices_per_node);
}

/// One way to spread states over ranks.
struct Sharding {
  ParallelStrategy strategy = ParallelStrategy::ddp;
  int64_t n_shard = 1;
};

/// All of the trainer's, those that communicate less first; hsdp with a node and with several as
/// its shard group.
std::vector<Sharding> shardings(int64_t world_size, int64_t ranks_per_node) {
  if (world_size == 1) return {{}};
  std::vector<Sharding> result = {
      {}, {ParallelStrategy::zero1, world_size}, {ParallelStrategy::zero2, world_size}};
  for (int64_t n_shard = std::max<int64_t>(2, ranks_per_node); n_shard < world_size; n_shard *= 4)
    if (world_size % n_shard == 0) result.push_back({ParallelStrategy::hsdp, n_shard});
  result.push_back({ParallelStrategy::fsdp, world_size});
  return result;
}

/// Accumulation steps that bring the batch near `sequences`, when any do.
std::optional<int64_t> accumulation(double sequences, int64_t sequences_per_micro_step) {
  const double steps = sequences / static_cast<double>(sequences_per_micro_step);
  const double rounded = std::max(1.0, std::round(steps));
  const double ratio = rounded / steps;
  if (ratio > kBatchTolerance && sequences_per_micro_step > 1) return std::nullopt;
  return static_cast<int64_t>(rounded);
}

/// Time and memory of one layout; memory is filled in only when someone asks.
LayoutCandidate timed(const ModelShape& shape, const Layout& layout, const LayoutRequest& request,
                      const MachineModel& machine) {
  return {layout, predict_step_time(shape, layout, request.seq_len, machine), {}, std::nullopt};
}

/// What is_better compares.
using Rank = std::tuple<int64_t, bool, int64_t>;
Rank rank_of(const LayoutCandidate& candidate, const LayoutRequest& request) {
  constexpr double kAboutEqual = 0.005;
  const double seconds = seconds_per_token(candidate, request);
  return {std::llround(std::log(seconds) / kAboutEqual), candidate.what_if.has_value(),
          candidate.layout.grad_accum_steps};
}

}  // namespace

MemoryCapacity memory_capacity(const Partition& partition, const Calibration& calibration) {
  MemoryCapacity capacity;
  capacity.device_bytes = device_bytes(partition);
  capacity.runtime_bytes = calibration.runtime_memory_gib * kGiB;
  const double free_bytes = std::max(0.0, capacity.device_bytes - capacity.runtime_bytes);
  capacity.fragmentation_bytes =
      free_bytes * calibration.fragmentation / (1 + calibration.fragmentation);
  return capacity;
}

std::vector<Layout> candidate_layouts(const LayoutRequest& request, int64_t world_size,
                                      int64_t ranks_per_node) {
  const double sequences = request.batch_tokens / static_cast<double>(request.seq_len);
  std::vector<Layout> layouts;
  for (int64_t micro = 1;
       micro == 1 || static_cast<double>(micro * world_size) <= kBatchTolerance * sequences;
       micro *= 2) {
    const std::optional<int64_t> accum = accumulation(sequences, micro * world_size);
    if (!accum) continue;
    for (const auto& [strategy, n_shard] : shardings(world_size, ranks_per_node)) {
      for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
        layouts.push_back({.strategy = strategy,
                           .n_replica = world_size / n_shard,
                           .n_shard = n_shard,
                           .micro_batch_size = micro,
                           .grad_accum_steps = *accum,
                           .recompute = recompute});
      }
    }
  }
  return layouts;
}

MemoryModel memory_model(const ModelShape& shape, const LayoutRequest& request,
                         const MachineModel& machine) {
  return MemoryModel(
      {shape, {}, request.seq_len, machine.precision, machine.gpu_kernels, request.optimizer});
}

double seconds_per_token(const LayoutCandidate& candidate, const LayoutRequest& request) {
  const auto batch = static_cast<double>(candidate.tokens_per_step(request.seq_len));
  const double worth =
      request.reading ? token_worth(batch, request.reading->usual_batch, request.reading->n_tokens)
                      : 1;
  return candidate.step_time.total() / (batch * worth);
}

bool is_better(const LayoutCandidate& a, const LayoutCandidate& b, const LayoutRequest& request) {
  return rank_of(a, request) < rank_of(b, request);
}

LayoutChoice find_layout(MemoryModel& memory, const LayoutRequest& request,
                         const MachineModel& machine, const MemoryCapacity& capacity) {
  std::vector<LayoutCandidate> candidates;
  for (const Layout& layout :
       candidate_layouts(request, machine.n_devices, machine.ranks_per_node)) {
    candidates.push_back(timed(memory.shape(), layout, request, machine));
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const auto& a, const auto& b) { return is_better(a, b, request); });
  LayoutChoice choice;
  for (LayoutCandidate& candidate : candidates) {
    candidate.memory = memory.estimate(candidate.layout);
    if (static_cast<double>(candidate.memory.total()) <= capacity.usable_bytes()) {
      choice.best = candidate;
      return choice;
    }
    if (!choice.nearest || candidate.memory.total() < choice.nearest->memory.total()) {
      choice.nearest = candidate;
    }
  }
  return choice;
}

}  // namespace isoflop
