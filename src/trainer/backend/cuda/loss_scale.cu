// SPDX-License-Identifier: MIT
#define ISOFLOP_LOSS_SCALE __device__
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/loss_scale.hpp"

namespace isoflop {
namespace {

/// One thread.
__global__ void __launch_bounds__(1) loss_scale_kernel(StepState* state, LossScaleParams params) {
  state->loss_scale = next_loss_scale(*state, params);
}

}  // namespace

void CudaOps::update_loss_scale(const Exec& exec, StepState* state, const LossScaleParams& params) {
  gpu::launch(native_stream(exec),
              {"loss_scale",
               1,
               1,
               0,
               1,
               {sizeof(StepState::LossScale) + sizeof(int64_t), sizeof(StepState::LossScale)}},
              loss_scale_kernel, state, params);
}

}  // namespace isoflop
