// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/parallel/layout.hpp"
#include "planner/cost/software_stack.hpp"

#include <cstdint>

namespace isoflop {

/// Parts of the blocks' forward work that backward runs again, 0 to 1 each.
struct RecomputeShare {
  double products = 0;      ///< all but the last product
  double last_product = 0;  ///< the FFN's second one, whose output pre-norm blocks do not need
  double attention = 0;
  double elementwise = 0;
  double communication = 0;
  double whole_blocks = 0;  ///< blocks of which only the input is kept; part of the above

  bool operator==(const RecomputeShare&) const = default;
};

/// What a plan of our trainer runs again.
RecomputeShare recompute_share(const RecomputePlan& plan, const ModelShape& shape);
/// What other programs do under the same word.
RecomputeShare recompute_share(Recompute mode, SelectiveRule selective);

/// How a model is spread over devices: our trainer's layouts (one tensor, pipeline, context and
/// expert rank) and those of others. Devices are ordered tensor fastest, then context, data,
/// pipeline, as Megatron-LM does.
struct ParallelLayout {
  ParallelStrategy strategy = ParallelStrategy::ddp;
  int64_t data = 1;   ///< ranks with different samples
  int64_t shard = 1;  ///< of data x context ranks, those that share what the strategy shards
  int64_t tensor = 1;
  int64_t pipeline = 1;
  int64_t virtual_pipeline = 1;  ///< model chunks of a stage (interleaved 1F1B)
  int64_t context = 1;
  int64_t expert = 1;  ///< of data x context ranks, those that share a layer's experts
  bool sequence_parallel = false;
  bool regathers = true;  ///< fsdp, hsdp: parameters are gathered again for backward
  int64_t micro_batch = 1;
  int64_t n_micro_batch = 1;  ///< of a data rank in a step
  RecomputeShare recompute = {};

  int64_t devices() const { return data * context * tensor * pipeline; }
  int64_t global_batch() const { return data * micro_batch * n_micro_batch; }
  /// zero2 with chunks: their gradients are whole only while a round of as many micro batches as
  /// stages passes one (Lamy-Poirier, arXiv:2211.05953; Llama 3, arXiv:2407.21783, section 3.3.2).
  bool reduces_by_chunks() const {
    return strategy == ParallelStrategy::zero2 && pipeline > 1 && virtual_pipeline > 1;
  }
};

/// Recomputing as our trainer does, or otherwise.
ParallelLayout parallel_layout(const Layout& layout, const ModelShape& shape);
ParallelLayout parallel_layout(const Layout& layout, const RecomputeShare& recompute);

}  // namespace isoflop
