// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/session.hpp"
#include "trainer/telemetry/recorder.hpp"

namespace isoflop {

enum class TrainEnd { done, stop_requested, out_of_time, diverged };

/// Enqueues one optimizer step: for each micro step forward and backward, then reduction, clipping
/// and update.
void enqueue_step(Session& session, int64_t step);

/// Trains from the session's first step to the last, or until a rank is asked to stop, a deadline
/// is reached before the decay is over or updates stay non-finite; a run whose last step or last
/// evaluation is not finite has diverged too. Every step that was enqueued is recorded. A request
/// to stop that arrives with the last step is too late: the run ends as done.
TrainEnd train(Session& session, Recorder& recorder);

}  // namespace isoflop
