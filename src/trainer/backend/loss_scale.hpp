// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

/// Before next_loss_scale(). CUDA sources define it as __device__ before they include this file.
#ifndef ISOFLOP_LOSS_SCALE
#define ISOFLOP_LOSS_SCALE
#endif

namespace isoflop {

/// The scale of the next step: Ops::update_loss_scale.
ISOFLOP_LOSS_SCALE inline StepState::LossScale next_loss_scale(const StepState& state,
                                                               const LossScaleParams& params) {
  const auto [scale, good_steps] = state.loss_scale;
  if (state.output.skip != 0) return {scale * params.backoff, 0};
  if (good_steps + 1 == params.growth_interval) return {scale * params.growth, 0};
  return {scale, good_steps + 1};
}

}  // namespace isoflop
