// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/parallel/layout.hpp"
#include "core/parallel/memory_model.hpp"
#include "planner/step_time.hpp"
#include "planner/what_if/searched_layout.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// About what a training reads, which says what a token of a larger batch is worth (token_worth).
struct ExpectedReading {
  double n_tokens = 0;
  double usual_batch = 0;  ///< tokens, of published runs
};

struct LayoutRequest {
  int64_t seq_len = 0;
  double batch_tokens = 0;  ///< wanted; layouts come within a factor of kBatchTolerance
  OptimizerKind optimizer = OptimizerKind::adamw;
  /// What the batch is weighed by; absent: a token is worth the same in every batch.
  std::optional<ExpectedReading> reading = std::nullopt;
};

/// How far a layout's global batch may lie from the one wanted: loss is flat around the best batch
/// (DeepSeek LLM, arXiv:2401.02954, figure 2).
inline constexpr double kBatchTolerance = 1.5;

/// A layout with what the planner expects of it.
struct LayoutCandidate {
  Layout layout;
  StepTime step_time;
  MemoryEstimate memory;
  /// A layout that the trainer does not run; `layout` is then what its data ranks see.
  std::optional<SearchedLayout> what_if = std::nullopt;

  /// As the two to_string say.
  std::string text() const { return what_if ? to_string(*what_if) : to_string(layout); }
  int64_t tokens_per_step(int64_t seq_len) const { return layout.global_batch_size() * seq_len; }
};

/// Device memory, and what of it the trainer's own allocations may take.
struct MemoryCapacity {
  double device_bytes = 0;
  double runtime_bytes = 0;        ///< taken before we allocate
  double fragmentation_bytes = 0;  ///< when the usable part is full

  double usable_bytes() const { return device_bytes - runtime_bytes - fragmentation_bytes; }
};
MemoryCapacity memory_capacity(const Partition& partition, const Calibration& calibration);

/// The layouts that the trainer can run with a global batch near the one wanted: every strategy and
/// recomputation, hsdp with shard groups of 1, 4, 16, ... nodes, micro batches of powers of two.
/// One rank always has one layout.
std::vector<Layout> candidate_layouts(const LayoutRequest& request, int64_t world_size,
                                      int64_t ranks_per_node);

/// Seconds for a token of a small batch: what layouts of different batches are compared by.
double seconds_per_token(const LayoutCandidate& candidate, const LayoutRequest& request);

/// Faster by seconds_per_token; of layouts within half a per cent the one that the trainer runs, of
/// those the one with fewer, larger micro batches, whose fixed costs are the least.
bool is_better(const LayoutCandidate& a, const LayoutCandidate& b, const LayoutRequest& request);

/// Outcome of a search: the fastest layout that fits, else the one that needs least memory, else
/// (no layout gives a batch near the one wanted) neither.
struct LayoutChoice {
  std::optional<LayoutCandidate> best;
  std::optional<LayoutCandidate> nearest;
};
/// `memory` is of the shape that is laid out (memory_model).
LayoutChoice find_layout(MemoryModel& memory, const LayoutRequest& request,
                         const MachineModel& machine, const MemoryCapacity& capacity);
MemoryModel memory_model(const ModelShape& shape, const LayoutRequest& request,
                         const MachineModel& machine);

}  // namespace isoflop
