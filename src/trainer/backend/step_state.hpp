// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// What changes from step to step, resident on the device at a fixed address so that the ops of a
/// step never take a host value that varies. The host writes `input` before the step by an
/// asynchronous copy; ops write `output`, which the host reads a step late.
struct StepState {
  struct Input {
    double lr = 0;
    double beta1_correction = 1;  ///< 1 - beta1^t
    double beta2_correction = 1;  ///< 1 - beta2^t
    int64_t step = 0;
    uint64_t rng_offset = 0;  ///< counter of the step's random numbers (dropout)
    double stop_vote = 0;     ///< 1: this rank was asked to stop
  } input;
  struct Output {
    double grad_norm = 0;   ///< global, before clipping
    double clip_scale = 1;  ///< gradients are multiplied by it in the update
    /// Nats, summed over the tokens of the step; over all ranks once reduced.
    double loss_sum = 0;
    /// Ranks that were asked to stop; follows loss_sum, with which it is reduced.
    double stop_votes = 0;
    double nonfinite = 0;  ///< non-finite gradient elements over all ranks
    int64_t skip = 0;      ///< 1: the update was not applied (non-finite gradients)
  } output;
};

}  // namespace isoflop
