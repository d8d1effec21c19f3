// SPDX-License-Identifier: MIT
#pragma once

#include "planner/layout_search.hpp"
#include "planner/what_if/layout_pricing.hpp"
#include "planner/what_if/layout_space.hpp"

#include <functional>

namespace isoflop {

/// Whether the trainer has all parts of a model: dense blocks without latent attention.
bool trainer_runs_model(const ModelShape& shape);

/// The layouts that a joint search over shapes tries beside the trainer's, a part of what
/// for_each_layout visits, with a global batch near the one wanted: splits with groups the trainer
/// lacks (of models that it does not run, without them too) that break no rule and leave a context
/// rank kFewestContextTokens; micro batches of powers of two; 1F1B, and interleaving in two chunks
/// and in as many as blocks, its micro batches rounded to full rounds; sequence parallelism in
/// every tensor group; none, an eighth, a quarter, half or all of the blocks run again; ddp or
/// zero1 over all ranks, zero2 with chunks, fsdp without a pipeline.
void for_each_usual_layout(const ModelShape& shape, const LayoutRequest& request,
                           const MachineModel& machine,
                           const std::function<void(const SearchedLayout&)>& visit);

/// Shorter pieces of a sequence are never split further.
inline constexpr int64_t kFewestContextTokens = 2048;

/// Whether layouts that the trainer does not run have a price: on GPUs, with AdamW.
bool prices_what_if(const LayoutRequest& request, const MachineModel& machine);

LayoutCandidate as_candidate(const PricedLayout& priced);

/// find_layout over the trainer's layouts and those above; of about equally fast ones the
/// trainer's.
LayoutChoice find_what_if_layout(MemoryModel& memory, const LayoutRequest& request,
                                 const MachineModel& machine, const MemoryCapacity& capacity);

}  // namespace isoflop
