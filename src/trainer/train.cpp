// SPDX-License-Identifier: MIT
#include "trainer/train.hpp"

#include "core/base/log.hpp"
#include "trainer/health/activity.hpp"
#include "trainer/optim/decay_plan.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>

namespace isoflop {
namespace {

// Where a run is called diverged. Twenty halvings take a loss scale of 65536 to 1/16. f16 ends at
// 65504: what overflows below a scale of 2^-14 are gradients above 2^30.
constexpr int64_t kMaxSkippedInARow = 20;
constexpr double kMinLossScale = 0x1p-14;

/// Follows rank 0's vote of `step`. The step after it is enqueued already, or about to be: the one
/// behind that is the first that every rank can still change.
void choose_decay(RunSchedule& schedule, Recorder& recorder, int64_t step, double vote) {
  const DecayPlan decay{step + kDecisionDelay, static_cast<int64_t>(vote)};
  if (!schedule.choose(decay)) return;
  const std::string text = fmt::format("decay of {} steps from step {} on, to end by the deadline",
                                       decay.n_steps, decay.first_step);
  log::info("step {}/{}  {}: step {} is the last", step, schedule.config().steps, text,
            decay.last_step());
  recorder.record_event(EventKind::decay, decay.first_step, static_cast<int32_t>(decay.n_steps),
                        text);
}

/// Waits for a step, records it and says whether training must end there. Every rank comes to the
/// same answer: it depends on values reduced over all ranks only.
std::optional<TrainEnd> record_step(Session& session, Recorder& recorder, int64_t step) {
  this_activity().enter(Phase::results);
  const StepReadback readback = session.io().wait(step);
  this_activity().enter(Phase::recording);
  recorder.record({.step = step,
                   .readback = readback,
                   .times = session.timer().times(step),
                   .exposed_communication_s = session.collectives().exposed_seconds(step),
                   .follows_checkpoint = session.checkpoints().last_taken() == step - 1});
  session.collectives().poll();
  session.checkpoints().heard(step, readback);
  for (const CheckpointRecord& checkpoint : session.checkpoints().ended())
    recorder.record_checkpoint(checkpoint);
  if (recorder.skipped_in_a_row() >= kMaxSkippedInARow ||
      readback.output.loss_scale < kMinLossScale)
    return TrainEnd::diverged;
  const StepVotes& votes = readback.output.votes;
  if (votes.stop > 0 && step < session.schedule().last_step()) return TrainEnd::stop_requested;
  if (votes.decay == StepVotes::kOutOfTime) return TrainEnd::out_of_time;
  if (votes.decay > 0) choose_decay(session.schedule(), recorder, step, votes.decay);
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

bool evaluation_is_due(Session& session, int64_t step) {
  const int64_t interval = session.config().eval.interval;
  return step == session.schedule().last_step() || (interval > 0 && step % interval == 0);
}

void evaluate(Session& session, Recorder& recorder, int64_t step) {
  this_activity().enter(Phase::evaluation);
  recorder.record_evaluation(step, session.evaluate());
  session.timer().restart();
}

void take_checkpoint(Session& session, int64_t step) {
  this_activity().enter(Phase::checkpoint);
  const TraceScope scope(session.trace(), {"checkpoint"});
  session.checkpoints().take(step);
}

}  // namespace

void enqueue_step(Session& session, int64_t step) {
  Activity& activity = this_activity();
  activity.begin_step(step);
  session.begin_step(step);
  const TraceScope step_scope(session.trace(), {"step", step});
  for (int64_t micro_step = 0; micro_step < session.micro_steps(step); ++micro_step) {
    const TraceScope micro_step_scope(session.trace(), {"micro step", micro_step});
    activity.enter(Phase::data);
    const Batch batch = session.load(step, micro_step);
    session.timer().end_data(micro_step);
    activity.enter(Phase::forward);
    session.model().forward(batch);
    session.timer().end_forward(micro_step);
    activity.enter(Phase::backward);
    session.model().backward(batch, session.io().loss_sums(), session.grad_scale(step),
                             session.io().state());
    session.timer().end_backward(micro_step);
  }
  activity.enter(Phase::update);
  session.end_step(step);
}

TrainEnd train(Session& session, Recorder& recorder) {
  for (int64_t step = session.first_step(); step <= session.schedule().last_step(); ++step) {
    enqueue_step(session, step);
    const bool evaluating = evaluation_is_due(session, step);
    // One step late, so that the device always has work; at an evaluation it is drained anyway.
    if (const auto end = record_steps(session, recorder, evaluating ? step : step - 1)) {
      record_steps(session, recorder, step);
      return *end;
    }
    if (session.checkpoints().is_due(step)) take_checkpoint(session, step);
    if (evaluating) evaluate(session, recorder, step);
  }
  return recorder.ended_finite() ? TrainEnd::done : TrainEnd::diverged;
}

}  // namespace isoflop
