// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/memory_model.hpp"

namespace isoflop {

/// estimate_memory of any shape: of those that the trainer runs its own allocations, of others
/// (core/model/parameter_list.hpp, untrainable_part) what planner/cost predicts that programs for
/// them hold: gathered weights under `gathered`, libraries' buffers under `workspace`. There
/// selective recomputation is that of Korthikanti et al. (arXiv:2205.05198), which runs attention
/// again. Norms, biases and multi-token prediction are left out.
MemoryEstimate estimate_any_memory(const MemoryRequest& request);

}  // namespace isoflop
