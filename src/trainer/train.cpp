// SPDX-License-Identifier: MIT
#include "trainer/train.hpp"

#include "trainer/stop_signal.hpp"

#include <optional>

namespace isoflop {
namespace {

constexpr int64_t kMaxSkippedInARow = 20;  // then the run is called diverged

/// Waits for a step, records it and says whether training must end there. Every rank comes to the
/// same answer: it depends on values reduced over all ranks only.
std::optional<TrainEnd> record_step(Session& session, Recorder& recorder, int64_t step) {
  const StepReadback readback = session.io().wait(step);
  recorder.record({.step = step,
                   .readback = readback,
                   .times = session.timer().times(step),
                   .exposed_communication_s = session.collectives().exposed_seconds(step),
                   .memory = session.backend().device->memory_usage()});
  session.collectives().poll();
  if (recorder.skipped_in_a_row() >= kMaxSkippedInARow) return TrainEnd::diverged;
  if (readback.output.stop_votes > 0 && step < session.config().schedule.steps)
    return TrainEnd::stop_requested;
  return std::nullopt;
}

/// Records the steps up to `last`; the first reason to end, if any step gave one.
std::optional<TrainEnd> record_steps(Session& session, Recorder& recorder, int64_t last) {
  std::optional<TrainEnd> end;
  for (int64_t step = recorder.last_step() + 1; step <= last; ++step) {
    const std::optional<TrainEnd> reason = record_step(session, recorder, step);
    if (!end) end = reason;
  }
  return end;
}

bool evaluation_is_due(const TrainConfig& config, int64_t step) {
  const int64_t interval = config.eval.interval;
  return step == config.schedule.steps || (interval > 0 && step % interval == 0);
}

void evaluate(Session& session, Recorder& recorder, Launch& launch, int64_t step) {
  recorder.record_evaluation(step, session.evaluate());
  recorder.record_rank_times(step, launch.gather_to_all(session.timer().times(step).step));
  session.timer().restart();
}

}  // namespace

void enqueue_step(Session& session, int64_t step) {
  session.begin_step(step);
  for (int64_t micro_step = 0; micro_step < session.micro_steps(step); ++micro_step) {
    const Batch batch = session.load(step, micro_step);
    session.timer().end_data(micro_step);
    session.model().forward(batch);
    session.timer().end_forward(micro_step);
    session.model().backward(batch, session.io().loss_sums(), session.grad_scale(step),
                             session.io().state());
    session.timer().end_backward(micro_step);
  }
  session.end_step(step);
}

TrainEnd train(Session& session, Recorder& recorder, Launch& launch) {
  for (int64_t step = 1; step <= session.config().schedule.steps; ++step) {
    enqueue_step(session, step);
    const bool evaluating = evaluation_is_due(session.config(), step);
    // One step late, so that the device always has work; at an evaluation it is drained anyway.
    if (const auto end = record_steps(session, recorder, evaluating ? step : step - 1)) {
      record_steps(session, recorder, step);
      return *end;
    }
    if (evaluating) evaluate(session, recorder, launch, step);
  }
  return recorder.ended_finite() ? TrainEnd::done : TrainEnd::diverged;
}

}  // namespace isoflop
