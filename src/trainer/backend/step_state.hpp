// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// What ranks ask for, by a sum over all ranks.
struct StepVotes {
  static constexpr double kOutOfTime = -1;

  double stop = 0;  ///< 1 from each rank that was asked to stop
  /// From rank 0 of a run with a deadline: the steps of the decay that has to begin, 0 while it has
  /// time; kOutOfTime: the run must end before its decay does.
  double decay = 0;
  double checkpoint = 0;  ///< 1 from rank 0 when its clock says that one is due
};

/// What a rank tells the others of an earlier step: all of it, and what it stood still for
/// communication.
struct RankTimes {
  double step_s = 0;
  double exposed_s = 0;
};

/// Bytes of device memory of one rank, or the most over ranks.
struct RankMemory {
  double allocated = 0;
  double peak = 0;
  double reserved = 0;
};

/// How far a rank is with checkpoints, or the ranks' largest: the last step that each has finished,
/// negative, so that the largest is of the rank that is behind, and the last one that failed.
struct CheckpointProgress {
  double minus_finished = 0;
  double failed = 0;
};

/// What changes from step to step, resident on the device at a fixed address so that the ops of a
/// step never take a host value that varies. The host writes `input` before the step by an
/// asynchronous copy; ops write `output`, which the host reads a step late.
struct StepState {
  struct Input {
    double lr = 0;
    int64_t step = 0;
    StepVotes votes = {};                ///< of this rank
    RankTimes times = {};                ///< of this rank in step times_step
    int64_t times_step = 0;              ///< 0: no step is over yet
    RankMemory memory = {};              ///< of this rank
    CheckpointProgress checkpoint = {};  ///< of this rank
  } input;
  /// Lives from step to step.
  struct LossScale {
    double scale = 1;        ///< of the loss whose gradients are taken; other than 1 in fp16 only
    int64_t good_steps = 0;  ///< in a row without a non-finite gradient
  } loss_scale;
  /// Lives from step to step too: updates applied, this step's among them once its gradients are
  /// found finite. A skipped step does not count.
  int64_t n_update = 0;
  struct Output {
    double grad_norm = 0;  ///< global, before clipping
    double clip_scale =
        1;  ///< gradients are multiplied by it in the update (1 / loss scale included)
    double nonfinite = 0;   ///< non-finite gradient elements over all ranks
    int64_t skip = 0;       ///< 1: the update was not applied (non-finite gradients)
    double loss_scale = 1;  ///< what this step's gradients are multiplied by
    // From here on summed over all ranks, with what StepIo lays behind this struct.
    double loss_sum = 0;    ///< nats, summed over the tokens of the step
    double z_loss_sum = 0;  ///< likewise, of the z-loss
    StepVotes votes;
  } output;
};

}  // namespace isoflop
