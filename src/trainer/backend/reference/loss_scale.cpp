// SPDX-License-Identifier: MIT
#include "trainer/backend/loss_scale.hpp"

#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

namespace isoflop {

void ReferenceOps::update_loss_scale(const Exec& exec, StepState* state,
                                     const LossScaleParams& params) {
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    state->loss_scale = next_loss_scale(*state, params);
  });
}

}  // namespace isoflop
