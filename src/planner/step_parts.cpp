// SPDX-License-Identifier: MIT
#include "planner/step_parts.hpp"

namespace isoflop {

std::vector<StepPart> step_parts(const StepTime& step) {
  return {{"matmul_s", "matrix products", step.matmul_s},
          {"attention_s", "attention", step.attention_s},
          {"memory_bound_s", "memory-bound", step.memory_bound_s},
          {"head_s", "output and loss", step.head_s},
          {"recompute_s", "recomputation", step.recompute_s},
          {"launch_s", "launches", step.launch_s},
          {"optimizer_s", "optimizer", step.optimizer_s},
          {"communication_s", "exposed communication", step.communication_s},
          {"bubble_s", "pipeline bubble", step.bubble_s},
          {"overhead_s", "once a step", step.overhead_s}};
}

}  // namespace isoflop
