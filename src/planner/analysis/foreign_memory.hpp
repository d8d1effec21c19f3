// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/memory_model.hpp"
#include "planner/cost/memory_cost.hpp"

namespace isoflop {

/// The categories of other programs under ours: gathered weights under `gathered`, libraries'
/// buffers under `workspace`.
MemoryEstimate in_our_terms(const DeviceMemory& memory);

/// estimate_memory of any shape: of those that the trainer runs its own allocations, of others
/// (core/model/parameter_list.hpp, untrainable_part) what planner/cost predicts that programs for
/// them hold (in_our_terms). There selective recomputation is that of Korthikanti et al.
/// (arXiv:2205.05198), which runs attention again. Norms, biases and multi-token prediction are
/// left out.
MemoryEstimate estimate_any_memory(const MemoryRequest& request);

}  // namespace isoflop
