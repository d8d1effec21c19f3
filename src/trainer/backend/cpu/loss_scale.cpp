// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"

namespace isoflop {

void CpuOps::update_loss_scale(const Exec& exec, StepState* state, const LossScaleParams& params) {
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    StepState::LossScale& loss_scale = state->loss_scale;
    if (state->output.skip != 0) {
      loss_scale = {loss_scale.scale * params.backoff, 0};
    } else if (++loss_scale.good_steps == params.growth_interval) {
      loss_scale = {loss_scale.scale * params.growth, 0};
    }
  });
}

}  // namespace isoflop
